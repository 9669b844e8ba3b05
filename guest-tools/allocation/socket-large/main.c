// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages that take blocks of pages: sock_alloc_send_pskb(), alloc_skb_with_frags(), alloc_pages() of order 3,
 * and back.
 */
#include "../common.h"

#define MESSAGES 640
#define MESSAGE 32768
#define HELD 8	/* sent before the first is received */

static int ends[2];

static void send_and_receive(unsigned char *from, unsigned char *to)
{
	for (uint64_t i = 0; i < MESSAGES; i += HELD) {
		for (uint64_t n = i; n < i + HELD; n++) {
			*(volatile uint64_t *)(from + MESSAGE - sizeof(n)) = n + 1;
			if (send(ends[0], from, MESSAGE, 0) != MESSAGE)
				km_fail("send");
		}
		for (uint64_t n = i; n < i + HELD; n++) {
			if (recv(ends[1], to, MESSAGE, MSG_WAITALL) != MESSAGE)
				km_fail("recv");
			if (*(volatile uint64_t *)(to + MESSAGE - sizeof(n)) != n + 1)
				km_fail("message %d is not what was sent", (int)n);
		}
	}
}

int main(int argc, char **argv)
{
	const int room = 4 * HELD * MESSAGE;
	unsigned char *from, *to;

	km_start(argc, argv);
	pair_of_sockets(ends);
	if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		km_fail("SO_SNDBUFFORCE");
	from = malloc(2 * MESSAGE);
	to = from + MESSAGE;
	memset(from, 1, 2 * MESSAGE);
	while (km_pass()) {
		long long taken = pages_taken();

		km_begin();
		send_and_receive(from, to);
		km_end(MESSAGES);
		check_pages(taken, MESSAGES * (MESSAGE / km_page_size()) / 2);
	}
	return km_finish();
}
