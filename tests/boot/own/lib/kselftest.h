/* SPDX-License-Identifier: GPL-2.0-or-later */
void say_skip(const char *why);
