/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "mount.h"
#include "port.h"
#include "root.h"

#include <linux/random.h>

/* What a mount's process reports: everything but the frame's header. */
struct outcome {
	int error;
	struct text text;
};

static struct mounting {
	__u32 id; /* 0: free */
	int report;
	bool is_root;
} mountings[MAX_MOUNTS];

const char *request_mount(__u32 id, struct payload *payload)
{
	struct string tag = payload_string(payload);
	struct string path = payload_string(payload);
	struct string options = payload_string(payload);
	struct mounting *mounting = mountings;
	int report[2], pid;
	bool is_root;

	if (!payload_finished(payload) || id == 0)
		return "a malformed Mount";
	while (mounting < mountings + MAX_MOUNTS && mounting->id)
		mounting++;
	if (mounting == mountings + MAX_MOUNTS) {
		port_reply(id, EAGAIN, "32 mounts are under way: no more at once");
		return NULL;
	}
	is_root = strcmp(string_end(path), "/") == 0;
	if (sys_pipe2(report, O_CLOEXEC) < 0 || (pid = sys_fork()) < 0) {
		port_reply(id, ENOMEM, "no process for the mount");
		return NULL;
	}
	if (pid == 0) {
		struct outcome outcome = { 0 };

		outcome.error = is_root ? root_prepare(string_end(tag), string_end(options), &outcome.text)
					: mount_share(string_end(tag), string_end(path), string_end(options), &outcome.text);
		sys_write(report[1], &outcome, sizeof outcome);
		sys_exit(0);
	}
	sys_close(report[1]);
	*mounting = (struct mounting){ id, report[0], is_root };
	return NULL;
}

int request_poll(struct pollfd *poll)
{
	int count = 0;

	for (int i = 0; i < MAX_MOUNTS; i++) {
		if (mountings[i].id)
			poll[count++] = (struct pollfd){ .fd = mountings[i].report, .events = POLLIN };
	}
	return count;
}

static void finish(struct mounting *mounting)
{
	struct outcome outcome;

	if (sys_read(mounting->report, &outcome, sizeof outcome) != sizeof outcome) {
		outcome = (struct outcome){ EIO, { 0 } };
		text_add(&outcome.text, "the process that was to mount has died", NULL);
	}
	sys_close(mounting->report);
	if (mounting->is_root && !outcome.error)
		outcome.error = root_enter(&outcome.text);
	port_reply(mounting->id, outcome.error, outcome.text.bytes);
	mounting->id = 0;
}

void request_move(const struct pollfd *poll, int count)
{
	for (int i = 0; i < count; i++) {
		for (int k = 0; poll[i].revents && k < MAX_MOUNTS; k++) {
			if (mountings[k].id && mountings[k].report == poll[i].fd)
				finish(&mountings[k]);
		}
	}
}

void request_forget_all(void)
{
	for (int i = 0; i < MAX_MOUNTS; i++) {
		if (mountings[i].id)
			sys_close(mountings[i].report);
		mountings[i].id = 0;
	}
}

static void reply_result(__u32 id, int result, const char *what)
{
	struct text text = { 0 };

	if (result < 0)
		text_add(&text, what, ": ", error_text(-result), NULL);
	port_reply(id, result < 0 ? -result : 0, text.bytes);
}

const char *request_set_clock(__u32 id, struct payload *payload)
{
	__s64 nanoseconds = payload_i64(payload);
	struct timespec time = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };

	if (!payload_finished(payload))
		return "a malformed SetClock";
	reply_result(id, sys_clock_settime(CLOCK_REALTIME, &time), "the clock cannot be set");
	return NULL;
}

const char *request_reseed(__u32 id, struct payload *payload)
{
	struct {
		struct rand_pool_info info;
		char entropy[4096];
	} pool;
	int length = payload->end - payload->at, random, result;

	if (length < 1 || length > (int)sizeof pool.entropy)
		return "a malformed Reseed";
	pool.info.entropy_count = length * 8;
	pool.info.buf_size = length;
	memcpy(pool.info.buf, payload->at, length);
	random = sys_open("/dev/urandom", O_RDWR | O_CLOEXEC, 0);
	if (random < 0) {
		reply_result(id, random, "/dev/urandom");
		return NULL;
	}
	result = sys_ioctl(random, RNDADDENTROPY, &pool);
	if (result >= 0)
		result = sys_ioctl(random, RNDRESEEDCRNG, NULL);
	sys_close(random);
	reply_result(id, result, "the random generator");
	return NULL;
}
