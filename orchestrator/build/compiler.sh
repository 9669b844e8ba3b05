#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What kernels are compiled with: a compiler and its arguments, the source last. ccache keeps what comes out, but not of
# sources that take in other files as they are (.incbin): in its depend mode it does not see when those change.
for source; do :; done
case $source in
*.S) exec "$@" ;;
*.c) if grep -qsF .incbin "$source"; then exec "$@"; fi ;;
esac
exec ccache "$@"
