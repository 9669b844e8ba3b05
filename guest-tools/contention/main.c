// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads dirty parts of their own of one fresh shared mapping, while another thread maps and unmaps (claim C9): each
 * fault takes mmap_lock to read, once or twice, each mmap() and munmap() takes it to write.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmatrix.h"

#define THREADS_MAX 16

static size_t page_size, pages, threads;	/* pages: of each thread */
static unsigned char *shared;
static pthread_barrier_t start, dirtied;
static atomic_bool stop;
static atomic_long pairs;

static unsigned char value(size_t page)
{
	return page % 251 + 1;
}

/* A thread's pages lie together: its faults have page table locks of their own, what is in common is mmap_lock. */
static void *dirty(void *number)
{
	size_t first = (size_t)number * pages;

	pthread_barrier_wait(&start);
	for (size_t i = first; i < first + pages; i++)
		shared[i * page_size] = value(i);
	pthread_barrier_wait(&dirtied);
	return NULL;
}

static void *map_and_unmap(void *unused)
{
	pthread_barrier_wait(&start);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		void *p = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || munmap(p, page_size))
			km_fail("mmap and munmap");
		atomic_fetch_add_explicit(&pairs, 1, memory_order_relaxed);
	}
	return unused;
}

static void check(void)
{
	for (size_t i = 0; i < threads * pages; i++)
		if (shared[i * page_size] != value(i) || shared[i * page_size + 1])
			km_fail("page %zu does not hold what was written", i);
}

static void begin(pthread_t *dirtiers, pthread_t *mapper)
{
	atomic_store(&stop, false);
	atomic_store(&pairs, 0);
	if (pthread_barrier_init(&start, NULL, threads + 2) || pthread_barrier_init(&dirtied, NULL, threads + 1))
		km_fail("pthread_barrier_init");
	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&dirtiers[i], NULL, dirty, (void *)i))
			km_fail("pthread_create");
	if (pthread_create(mapper, NULL, map_and_unmap, NULL))
		km_fail("pthread_create");
}

static void end(pthread_t *dirtiers, pthread_t mapper)
{
	atomic_store(&stop, true);
	pthread_join(mapper, NULL);
	for (size_t i = 0; i < threads; i++)
		pthread_join(dirtiers[i], NULL);
	pthread_barrier_destroy(&start);
	pthread_barrier_destroy(&dirtied);
}

int main(int argc, char **argv)
{
	pthread_t dirtiers[THREADS_MAX], mapper;

	km_start(argc, argv);
	page_size = sysconf(_SC_PAGESIZE);
	threads = km_option("threads", 2);
	if (threads < 1 || threads > THREADS_MAX)
		km_fail("--threads: 1 to %d", THREADS_MAX);
	pages = ((size_t)km_option("mib", 16) << 20) / page_size / threads;
	while (km_pass()) {
		shared = km_shmem(threads * pages * page_size);
		begin(dirtiers, &mapper);
		km_begin();
		pthread_barrier_wait(&start);
		pthread_barrier_wait(&dirtied);
		km_value("mapped", atomic_load(&pairs));
		km_end(threads * pages);
		end(dirtiers, mapper);
		check();
		munmap(shared, threads * pages * page_size);
	}
	return km_finish();
}
