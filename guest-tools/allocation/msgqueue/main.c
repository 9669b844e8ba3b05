// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of many sizes wait in a queue: alloc_msg(), kmalloc() of all sizes up to a page, free_msg(), kfree(). */
#include <sys/ipc.h>
#include <sys/msg.h>

#include "../common.h"

#define MESSAGES 4608	/* a multiple of the number of sizes */
#define ROOM (32 << 20)

/* Before each the kernel has a header of 48 bytes; the largest are two pieces. */
static const size_t sizes[] = { 16, 48, 80, 208, 464, 976, 2000, 4000, 8000 };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct message {
	long type;
	uint64_t words[1024];
};

static int new_queue(void)
{
	struct msqid_ds set;
	int queue = msgget(IPC_PRIVATE, 0600);

	if (queue < 0) {
		if (errno == ENOSYS)
			km_absent("this kernel has no message queues");
		km_fail("msgget");
	}
	if (msgctl(queue, IPC_STAT, &set))
		km_fail("IPC_STAT");
	set.msg_qbytes = ROOM;
	if (msgctl(queue, IPC_SET, &set))
		km_fail("IPC_SET");
	return queue;
}

static size_t last_word(size_t i)
{
	return sizes[i % SIZES] / sizeof(uint64_t) - 1;
}

static void send_all(int queue, struct message *message)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		message->words[last_word(i)] = i + 1;
		if (msgsnd(queue, message, sizes[i % SIZES], IPC_NOWAIT))
			km_fail("msgsnd");
	}
}

static size_t receive_all(int queue, struct message *message)
{
	size_t right = 0;

	for (size_t i = 0; i < MESSAGES; i++) {
		ssize_t got = msgrcv(queue, message, sizeof(message->words), 0, IPC_NOWAIT);

		right += got == (ssize_t)sizes[i % SIZES] && message->words[last_word(i)] == i + 1;
	}
	return right;
}

int main(int argc, char **argv)
{
	struct message *message = calloc(1, sizeof(*message));
	int queue;

	km_start(argc, argv);
	queue = new_queue();
	message->type = 1;
	while (km_pass()) {
		size_t right;

		km_begin();
		send_all(queue, message);
		right = receive_all(queue, message);
		km_end(MESSAGES);
		if (right != MESSAGES)
			km_fail("%zu messages were right, not %d", right, MESSAGES);
	}
	msgctl(queue, IPC_RMID, NULL);
	return km_finish();
}
