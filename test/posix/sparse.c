/* SPDX-License-Identifier: MIT */
/* Files with holes, and files beyond 4 GiB. */
#include "suite.h"

void sparse(void)
{
	char bytes[8192];
	struct stat status;
	off_t big = (5LL << 30) + 7;
	int file, zeros = 1;

	file = need(open("file", O_RDWR | O_CREAT, 0644));
	works("pwrite(2): far behind the end", pwrite(file, "end", 3, 1 << 20));
	need(fstat(file, &status));
	equal("pwrite(2): makes the file so long", status.st_size, (1 << 20) + 3);
	equal("pread(2): in the hole reads all that is asked for", pread(file, bytes, sizeof bytes, 5000), sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		zeros &= bytes[i] == 0;
	check("pread(2): a hole is zeros", zeros, "others");
	equal("pread(2): at the end of the file reads nothing", pread(file, bytes, 10, (1 << 20) + 3), 0);
	equal("pread(2): before the end reads what is there", pread(file, bytes, 10, 1 << 20), 3);
	works("ftruncate(2): shorter", ftruncate(file, 4));
	works("pwrite(2): again", pwrite(file, "xyz", 3, 1));
	works("ftruncate(2): shorter within a page", ftruncate(file, 2));
	works("ftruncate(2): longer", ftruncate(file, 4));
	need(pread(file, bytes, 4, 0));
	check("ftruncate(2): what was cut off comes back as zeros", memcmp(bytes, "\0x\0\0", 4) == 0, "%02x%02x%02x%02x", bytes[0],
	      bytes[1], bytes[2], bytes[3]);
	fails("ftruncate(2): EINVAL for less than nothing", EINVAL, ftruncate(file, -1));
	need(close(file));
	file = need(open("file", O_RDONLY));
	fails("ftruncate(2): EINVAL for who may only read", EINVAL, ftruncate(file, 1));
	need(close(file));

	file = need(open("big", O_RDWR | O_CREAT, 0644));
	works("ftruncate(2): to 5 GiB", ftruncate(file, big));
	equal("stat(2): a size of 5 GiB", status_of("big").st_size, big);
	works("pwrite(2): at 4 GiB less a byte", pwrite(file, "ab", 2, (4LL << 30) - 1));
	works("pwrite(2): at 5 GiB", pwrite(file, "cd", 2, big));
	equal("stat(2): two bytes more", status_of("big").st_size, big + 2);
	need(close(file));
	file = need(open("big", O_RDWR));
	need(pread(file, bytes, 2, (4LL << 30) - 1));
	check("pread(2): across 4 GiB", memcmp(bytes, "ab", 2) == 0, "%02x%02x", bytes[0], bytes[1]);
	need(pread(file, bytes, 2, big));
	check("pread(2): at 5 GiB", memcmp(bytes, "cd", 2) == 0, "%02x%02x", bytes[0], bytes[1]);
	need(pread(file, bytes, 2, 0));
	check("pread(2): what was written beyond is not at the beginning", bytes[0] == 0 && bytes[1] == 0, "%02x%02x", bytes[0],
	      bytes[1]);
	equal("lseek(2): SEEK_END beyond 4 GiB", lseek(file, -1, SEEK_END), big + 1);
	equal("lseek(2): behind the end is allowed", lseek(file, 100, SEEK_END), big + 102);
	equal("lseek(2): which makes the file no longer", status_of("big").st_size, big + 2);
	fails("lseek(2): EINVAL before the beginning", EINVAL, lseek(file, -1, SEEK_SET));
	need(fsync(file));
	check("stat(2): a hole takes no blocks", status_of("big").st_blocks < 4096, "%lld blocks", (long long)status_of("big").st_blocks);
	works("lseek(2): SEEK_DATA at data", lseek(file, big, SEEK_DATA));
	fails("lseek(2): ENXIO for SEEK_DATA behind the end", ENXIO, lseek(file, big + 10, SEEK_DATA));
	equal("lseek(2): the end of a file is a hole", lseek(file, big, SEEK_HOLE), big + 2);
	works("fallocate(2): reserves", fallocate(file, 0, 0, 8192));
	works("fallocate(2): FALLOC_FL_PUNCH_HOLE", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, big, 1));
	works("truncate(2): from 5 GiB to nothing", truncate("big", 0));
	equal("pread(2): then reads nothing", pread(file, bytes, 10, 0), 0);
	need(close(file));
}
