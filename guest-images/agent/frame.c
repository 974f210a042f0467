/* SPDX-License-Identifier: MIT */
#include "frame.h"

/* Both sides are little endian, and fields are not aligned: memcpy is the conversion. */
static void take(struct payload *payload, void *value, size_t size)
{
	if ((size_t)(payload->end - payload->at) < size) {
		payload->bad = true;
		payload->at = payload->end;
		memset(value, 0, size);
		return;
	}
	memcpy(value, payload->at, size);
	payload->at += size;
}

__u8 payload_u8(struct payload *payload)
{
	__u8 value;

	take(payload, &value, sizeof value);
	return value;
}

__u16 payload_u16(struct payload *payload)
{
	__u16 value;

	take(payload, &value, sizeof value);
	return value;
}

__u32 payload_u32(struct payload *payload)
{
	__u32 value;

	take(payload, &value, sizeof value);
	return value;
}

__s64 payload_i64(struct payload *payload)
{
	__s64 value;

	take(payload, &value, sizeof value);
	return value;
}

struct string payload_string(struct payload *payload)
{
	__u32 length = payload_u32(payload);
	struct string string = { payload->at, length };

	if (string.length > (size_t)(payload->end - payload->at)) {
		payload->bad = true;
		payload->at = payload->end;
		string.length = 0;
		return string;
	}
	if (strnlen(string.bytes, string.length) != string.length)
		payload->bad = true;
	payload->at += string.length;
	return string;
}

bool payload_finished(const struct payload *payload)
{
	return !payload->bad && payload->at == payload->end;
}

char *string_end(struct string string)
{
	string.bytes[string.length] = 0;
	return string.bytes;
}

static struct frame the_frame;

static void put(struct frame *frame, const void *value, size_t size)
{
	memcpy(frame->bytes + frame->length, value, size);
	frame->length += size;
}

struct frame *frame_begin(enum guest_frame type, __u32 id)
{
	the_frame.length = 0;
	frame_u32(&the_frame, 0); /* the length: port_send() knows it */
	frame_u16(&the_frame, type);
	frame_u16(&the_frame, 0);
	frame_u32(&the_frame, id);
	return &the_frame;
}

void frame_u8(struct frame *frame, __u8 value)
{
	put(frame, &value, sizeof value);
}

void frame_u16(struct frame *frame, __u16 value)
{
	put(frame, &value, sizeof value);
}

void frame_u32(struct frame *frame, __u32 value)
{
	put(frame, &value, sizeof value);
}

void frame_string(struct frame *frame, const char *text)
{
	size_t length = strlen(text);

	frame_u32(frame, length);
	put(frame, text, length);
}
