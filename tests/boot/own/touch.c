// SPDX-License-Identifier: GPL-2.0-or-later
/* A program that knows nothing of kmatrix: touches fresh pages, as many as it is told. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	size_t pages = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000;
	char *p = mmap(NULL, pages << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < pages; i++)
		p[i << 12] = 1;
	printf("{\"kmatrix\":1} touched %zu pages\n", pages);
	return 0;
}
