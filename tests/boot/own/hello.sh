#!/usr/bin/env sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
set -e
[ $# -eq 0 ]
echo "what a script says"
for i in 1 2 3; do
	true | cat >/dev/null
done
