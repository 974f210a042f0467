/* SPDX-License-Identifier: MIT */
/* That bytes come back as they were written, however they are moved. */
#include "suite.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

#define LENGTH 1234567

static unsigned char bytes[LENGTH], seen[LENGTH];

static void check_bytes(const char *rule, const char *name, size_t length)
{
	int file = open(name, O_RDONLY);
	size_t have = 0;
	ssize_t count;

	memset(seen, 0, sizeof seen);
	/* From where it is stored, not from memory. */
	if (file != -1 && (fsync(file) == -1 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0))
		give_up("posix_fadvise");
	while (file != -1 && have < LENGTH && (count = read(file, seen + have, LENGTH - have)) > 0)
		have += count;
	if (file != -1)
		close(file);
	check(rule, have == length && memcmp(seen, bytes, length) == 0, "%zu bytes of %zu", have, length);
}

void data(void)
{
	struct iovec pieces[8];
	uint32_t random = 12345;
	off_t place = 0;
	size_t start = 0;
	int from, to, wrong = 0;

	for (size_t i = 0; i < LENGTH; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = random >> 24;
	}
	to = need(open("whole", O_CREAT | O_RDWR, 0644));
	equal("write(2): more than a message holds, in one call", write(to, bytes, LENGTH), LENGTH);
	check_bytes("read(2): gives it back", "whole", LENGTH);
	/* Odd lengths at odd places, read by another opening at once. */
	from = need(open("whole", O_RDONLY));
	for (int i = 0; i < 200; i++) {
		size_t length = 1 + (random = random * 1664525 + 1013904223) / 7 % 9000;
		size_t at = (random = random * 1664525 + 1013904223) / 7 % (LENGTH - length);

		bytes[at] = (unsigned char)i;
		wrong += pwrite(to, bytes + at, length, at) != (ssize_t)length;
		wrong += pread(from, seen, length, at) != (ssize_t)length || memcmp(seen, bytes + at, length) != 0;
	}
	equal("pread(2): another opening sees each write at once", wrong, 0);
	check_bytes("pwrite(2): and nothing else has changed", "whole", LENGTH);
	need(close(to));

	to = need(open("pieces", O_CREAT | O_RDWR, 0644));
	for (int i = 0; i < 8; i++) {
		pieces[i] = (struct iovec){ bytes + start, 1000 + i * 777 };
		start += pieces[i].iov_len;
	}
	equal("writev(2): writes all pieces", writev(to, pieces, 8), start);
	check_bytes("writev(2): one behind the other", "pieces", start);
	for (int i = 0; i < 8; i++)
		pieces[i].iov_base = seen + ((unsigned char *)pieces[i].iov_base - bytes);
	memset(seen, 0, sizeof seen);
	equal("preadv(2): reads all pieces", preadv(to, pieces, 8, 0), start);
	check("preadv(2): one behind the other", memcmp(seen, bytes, start) == 0, "others");
	equal("read(2): reads nothing at the end", read(to, seen, 100), 0);
	equal("write(2): of nothing writes nothing", write(to, bytes, 0), 0);
	need(close(to));

	to = need(open("sent", O_CREAT | O_RDWR, 0644));
	while (place < LENGTH && sendfile(to, from, &place, LENGTH - place) > 0)
		;
	check_bytes("sendfile(2): copies a file", "sent", LENGTH);
	need(close(to));
	to = need(open("copied", O_CREAT | O_RDWR, 0644));
	need(lseek(from, 0, SEEK_SET));
	for (start = 0; start < LENGTH;) {
		ssize_t count = copy_file_range(from, NULL, to, NULL, LENGTH - start, 0);

		if (count <= 0)
			break;
		start += count;
	}
	check_bytes("copy_file_range(2): copies a file", "copied", LENGTH);
	need(close(to));
	need(close(from));
	to = need(open("whole", O_WRONLY | O_TRUNC));
	need(write(to, bytes, 100));
	check_bytes("open(2): nothing of the old content is left after O_TRUNC", "whole", 100);
	need(close(to));
	works("open(2): O_DIRECT", close(open("whole", O_RDONLY | O_DIRECT)));
}
