/* SPDX-License-Identifier: MIT */
/* Frames as PROTOCOL.md defines them, version 2. */
#ifndef VM9_FRAME_H
#define VM9_FRAME_H

#include "sys.h"

#define PROTOCOL_VERSION 2
#define HELLO_MAGIC 0x61396d76u /* "vm9a" */
#define HEADER_SIZE 12
#define MAX_PAYLOAD 262144 /* of a frame from the host */
#define FRAME_SIZE 32768 /* of a frame to the host, header included */
#define INPUT_WINDOW 131072 /* a power of two: it is a ring's size */

enum guest_frame {
	HELLO = 0x01,
	GOODBYE = 0x02,
	REPLY = 0x10,
	STARTED = 0x11,
	STDOUT = 0x12,
	STDERR = 0x13,
	INPUT_CREDIT = 0x14,
	INPUT_CLOSED = 0x15,
	EXITED = 0x16,
};

enum host_frame {
	WELCOME = 0x81,
	MOUNT = 0x90,
	EXEC = 0x91,
	STDIN = 0x92,
	STDIN_END = 0x93,
	OUTPUT_CREDIT = 0x94,
	CLOSE_OUTPUT = 0x95,
	SIGNAL = 0x96,
	RESIZE = 0x97,
	SET_CLOCK = 0x98,
	RESEED = 0x99,
	POWER = 0x9a,
	FREEZE = 0x9b,
	THAW = 0x9c,
};

/* A str of a payload. The bytes are in the receive buffer and end with a NUL once string_end() was called. */
struct string {
	char *bytes;
	__u32 length;
};

/* Reads a payload's fields in their order. A field that does not fit sets `bad` and reads as nothing. */
struct payload {
	char *at;
	char *end;
	bool bad;
};

__u8 payload_u8(struct payload *payload);
__u16 payload_u16(struct payload *payload);
__u32 payload_u32(struct payload *payload);
__s64 payload_i64(struct payload *payload);
/* A string with a NUL inside is bad. */
struct string payload_string(struct payload *payload);
/* True when every field did fit and none is left over. */
bool payload_finished(const struct payload *payload);

/* Writes the NUL over the length field of what follows: only when all of the payload has been read. */
char *string_end(struct string string);

/* A frame to the host under construction. */
struct frame {
	size_t length; /* of what is written so far, header included */
	char bytes[FRAME_SIZE];
};

/* The one frame buffer: a frame is sent before the next is begun. */
struct frame *frame_begin(enum guest_frame type, __u32 id);
void frame_u8(struct frame *frame, __u8 value);
void frame_u16(struct frame *frame, __u16 value);
void frame_u32(struct frame *frame, __u32 value);
void frame_string(struct frame *frame, const char *text);

#endif
