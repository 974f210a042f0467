/* SPDX-License-Identifier: MIT */
#include "port.h"

#define PORT_NAME "vm9.agent"
#define PORTS "/sys/class/virtio-ports/"

static int fd = -1;

/* One frame from the host, and a byte for the last string's NUL. */
static char received[HEADER_SIZE + MAX_PAYLOAD + 1];
static size_t received_length;

static bool name_is(const char *entry, const char *wanted)
{
	char path[128] = PORTS, name[64];
	int file, length;

	strlcat(path, entry, sizeof path);
	strlcat(path, "/name", sizeof path);
	file = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (file < 0)
		return false;
	length = sys_read(file, name, sizeof name - 1);
	sys_close(file);
	if (length < 1)
		return false;
	name[length - 1] = 0; /* the newline */
	return strcmp(name, wanted) == 0;
}

/* Calls `match` for the entries of a folder until it returns true; that entry's name is copied. */
static bool find_entry(const char *folder, bool (*match)(const char *), char *found, size_t size)
{
	char buffer[1024];
	int directory = sys_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int length;
	bool hit = false;

	if (directory < 0)
		return false;
	while (!hit && (length = sys_getdents64(directory, (void *)buffer, sizeof buffer)) > 0) {
		for (int at = 0; at < length && !hit;) {
			const struct linux_dirent64 *entry = (void *)(buffer + at);

			hit = match(entry->d_name);
			if (hit)
				strlcpy(found, entry->d_name, size);
			at += entry->d_reclen;
		}
	}
	sys_close(directory);
	return hit;
}

static bool is_agent_port(const char *entry)
{
	return entry[0] == 'v' && name_is(entry, PORT_NAME);
}

static bool is_virtio_device(const char *entry)
{
	return strncmp(entry, "virtio", 6) == 0;
}

bool port_is_possible(void)
{
	char found[32];

	return find_entry("/sys/bus/virtio/drivers/virtio_console", is_virtio_device, found, sizeof found);
}

int port_open(void)
{
	char entry[32], path[64] = "/dev/";

	if (!find_entry(PORTS, is_agent_port, entry, sizeof entry))
		return -ENOENT;
	strlcat(path, entry, sizeof path);
	fd = sys_open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
	received_length = 0;
	return fd < 0 ? fd : 0;
}

void port_close(void)
{
	if (fd >= 0)
		sys_close(fd);
	fd = -1;
}

int port_fd(void)
{
	return fd;
}

/* The driver reports POLLHUP as long as the host has not opened its end. */
static bool port_wait(short events, int timeout)
{
	struct pollfd port = { .fd = fd, .events = events };

	sys_poll(&port, 1, timeout);
	return !(port.revents & POLLHUP);
}

bool port_host_is_there(void)
{
	return port_wait(0, 0);
}

bool port_send(struct frame *frame)
{
	__u32 payload = frame->length - HEADER_SIZE;
	size_t sent = 0, part = sizeof frame->bytes;

	memcpy(frame->bytes, &payload, sizeof payload);
	while (sent < frame->length) {
		size_t left = frame->length - sent;
		ssize_t count = sys_write(fd, frame->bytes + sent, left < part ? left : part);

		if (count > 0)
			sent += count;
		else if (count == -ENOMEM && part > 512)
			part /= 2; /* the driver copies into one piece of memory, of which there may be none so large */
		else if ((count < 0 && count != -EAGAIN) || !port_wait(POLLOUT, -1))
			return false;
	}
	return true;
}

bool port_reply(__u32 id, int error, const char *text)
{
	struct frame *reply = frame_begin(REPLY, id);

	frame_u32(reply, error);
	frame_string(reply, text);
	return port_send(reply);
}

static const char *handle_received(frame_handler *handle)
{
	size_t at = 0;
	const char *reason = NULL;

	while (!reason && received_length - at >= HEADER_SIZE) {
		struct payload header = { received + at, received + at + HEADER_SIZE, false };
		__u32 length = payload_u32(&header);
		__u16 type = payload_u16(&header);
		__u16 zero = payload_u16(&header);
		__u32 id = payload_u32(&header);

		if (length > MAX_PAYLOAD)
			return "a payload past the limit";
		if (zero != 0)
			return "a header whose reserved field is not 0";
		if (received_length - at - HEADER_SIZE < length)
			break;
		header.end += length;

		/* A string's NUL may fall on the next frame's first byte. */
		char saved = *header.end;

		reason = handle(type, id, &header);
		at += HEADER_SIZE + length;
		received[at] = saved;
	}
	memmove(received, received + at, received_length - at);
	received_length -= at;
	return reason;
}

const char *port_receive(frame_handler *handle)
{
	/* A read gives one 4 KiB buffer of the ring at most. The bound lets the programs' output have its turn. */
	for (int reads = 0; reads < 32; reads++) {
		ssize_t count = sys_read(fd, received + received_length, sizeof received - 1 - received_length);
		const char *reason;

		if (count == -EAGAIN)
			return NULL;
		if (count <= 0)
			return "";
		received_length += count;
		reason = handle_received(handle);
		if (reason)
			return reason;
	}
	return NULL;
}
