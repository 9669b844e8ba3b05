#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Workers for runs of kmatrix, as an array of SLURM: sbatch --array=1-20 slurm.sh /home/me/join.json
# Each is a machine that may be taken away at any time: what it was about is begun again by another.
#SBATCH --job-name=kmatrix-worker
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=12G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=kmatrix-worker-%A-%a.log
set -eu
# Kernels are compiled there: a disk of the node's own, kept from one job to the next if it can be.
export KMATRIX_CACHE="${KMATRIX_CACHE:-${TMPDIR:-/tmp}/kmatrix-$(id -un)}"
# The signal that ends a job must reach the worker: no shell stays in between.
exec kmatrix worker "${1:?the file to join by, from kmatrix scheduler}"
