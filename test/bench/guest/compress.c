/* SPDX-License-Identifier: MIT */
/* Compression of the kind that zlib does: COUNT times 256 KiB of text are compressed by LZ77 with hash chains and canonical Huffman
 * codes, unpacked, and compared. Lengths and distances fall into classes as in RFC 1951; the container is our own. */
#include "bench.h"

#define LENGTH (1 << 18)
#define WINDOW (1 << 15)
#define HASHES (1 << 14)
#define CHAIN 24
#define SHORTEST 3
#define LONGEST 258
#define END 256
#define LITERALS 286
#define DISTANCES 30
#define DEEPEST 15

static unsigned char text[LENGTH], unpacked[LENGTH], packed[LENGTH + 4096];

/* Words of a vocabulary, the frequent ones as frequent as in a language, more or less. */
static void prepare(void)
{
	static char vocabulary[2000][12];
	size_t at = 0;

	for (int i = 0; i < 2000; i++) {
		int letters = 2 + next_number() % 8;

		for (int k = 0; k < letters; k++)
			vocabulary[i][k] = "etaoinshrdlucmfwypvbgkjqxz"[next_number() % 26 * (next_number() % 26) / 26];
	}
	while (at < LENGTH) {
		uint64_t rank = next_number() % 2000 * (next_number() % 2000) / 2000 * (next_number() % 2000) / 2000;
		const char *word = vocabulary[rank];

		while (*word && at < LENGTH)
			text[at++] = *word++;
		if (at < LENGTH)
			text[at++] = next_number() % 12 ? ' ' : '\n';
	}
}

/* Bits, the lowest first. */
struct bits {
	unsigned char *at;
	uint64_t held;
	int count;
};

static void put(struct bits *to, uint32_t value, int count)
{
	to->held |= (uint64_t)value << to->count;
	to->count += count;
	while (to->count >= 8) {
		*to->at++ = to->held;
		to->held >>= 8;
		to->count -= 8;
	}
}

static uint32_t get(struct bits *from, int count)
{
	uint32_t value;

	while (from->count < count) {
		from->held |= (uint64_t)*from->at++ << from->count;
		from->count += 8;
	}
	value = from->held & ((1u << count) - 1);
	from->held >>= count;
	from->count -= count;
	return value;
}

/* The class of a length or distance: `base[class]` and above, told by so many more bits. */
struct classes {
	int count, base[DISTANCES + 1], bits[DISTANCES];
};

static struct classes lengths = { .count = LITERALS - END - 1 }, distances = { .count = DISTANCES };

static void number_classes(struct classes *of, int first, int group)
{
	int base = first;

	for (int i = 0; i < of->count; i++) {
		of->bits[i] = i < 2 * group ? 0 : i / group - 1;
		of->base[i] = base;
		base += 1 << of->bits[i];
	}
	of->base[of->count] = base;
}

static int class_of(const struct classes *of, int value)
{
	int low = 0, high = of->count;

	while (high - low > 1) {
		int middle = (low + high) / 2;

		if (of->base[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

struct code {
	int count;
	uint32_t frequency[LITERALS];
	unsigned char length[LITERALS];
	/* To write: bits in the order in which they are written. */
	uint16_t bits[LITERALS];
	/* To read: symbols in the order of their codes, and how many have each length. */
	uint16_t sorted[LITERALS], having[DEEPEST + 1];
};

/* Nodes of Huffman's tree: the symbols, and above them what joins two. */
static uint32_t weight[2 * LITERALS];
static int parent[2 * LITERALS];

/* Lets heap[at] sink to where nothing below it is lighter. */
static void sink(int *heap, int size, int at)
{
	int moved = heap[at];

	for (int child; (child = 2 * at + 1) < size; at = child) {
		if (child + 1 < size && weight[heap[child + 1]] < weight[heap[child]])
			child++;
		if (weight[heap[child]] >= weight[moved])
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

/* Puts `node` in the place of the lightest, which is returned. */
static int replace_lightest(int *heap, int size, int node)
{
	int lightest = heap[0];

	heap[0] = node;
	sink(heap, size, 0);
	return lightest;
}

/* Huffman's lengths. Returns the greatest. */
static int find_lengths(struct code *code)
{
	int heap[LITERALS], size = 0, nodes = code->count, deepest = 0;

	memset(code->length, 0, sizeof code->length);
	for (int i = 0; i < code->count; i++) {
		weight[i] = code->frequency[i];
		if (weight[i] > 0)
			heap[size++] = i;
	}
	if (size < 2) {
		if (size == 1)
			code->length[heap[0]] = 1;
		return size;
	}
	for (int at = size / 2 - 1; at >= 0; at--)
		sink(heap, size, at);
	for (; size > 1; nodes++) {
		int first = replace_lightest(heap, size - 1, heap[size - 1]), second = heap[0];

		size--;
		weight[nodes] = weight[first] + weight[second];
		parent[first] = parent[second] = nodes;
		replace_lightest(heap, size, nodes);
	}
	for (int i = 0; i < code->count; i++) {
		if (weight[i] > 0)
			for (int node = i; node < nodes - 1; node = parent[node])
				code->length[i]++;
		if (code->length[i] > deepest)
			deepest = code->length[i];
	}
	return deepest;
}

/* Frequencies are halved until no code is too long. */
static void find_code(struct code *code)
{
	while (find_lengths(code) > DEEPEST)
		for (int i = 0; i < code->count; i++)
			code->frequency[i] = (code->frequency[i] + 1) / 2;
}

/* From the lengths to everything else: codes of one length are consecutive, in the order of their symbols. */
static void number_codes(struct code *code)
{
	uint32_t next[DEEPEST + 2] = { 0 };
	int place[DEEPEST + 2] = { 0 };

	memset(code->having, 0, sizeof code->having);
	for (int i = 0; i < code->count; i++)
		code->having[code->length[i]]++;
	code->having[0] = 0;
	for (int length = 1; length <= DEEPEST; length++) {
		next[length + 1] = (next[length] + code->having[length]) << 1;
		place[length + 1] = place[length] + code->having[length];
	}
	for (int i = 0; i < code->count; i++) {
		int length = code->length[i];
		uint32_t number = next[length]++, reversed = 0;

		if (length == 0)
			continue;
		code->sorted[place[length]++] = i;
		for (int bit = 0; bit < length; bit++, number >>= 1)
			reversed = reversed << 1 | (number & 1);
		code->bits[i] = reversed;
	}
}

static int decode(const struct code *code, struct bits *from)
{
	int number = 0, first = 0, place = 0;

	for (int length = 1; length <= DEEPEST; length++) {
		int here = code->having[length];

		number = number << 1 | get(from, 1);
		if (number - first < here)
			return code->sorted[place + number - first];
		place += here;
		first = (first + here) << 1;
	}
	fprintf(stderr, "no such code\n");
	exit(1);
}

/* A literal has distance 0. */
static struct token {
	uint16_t length, distance;
} tokens[LENGTH + 1];

static struct code literal_code = { .count = LITERALS }, distance_code = { .count = DISTANCES };
static int32_t head[HASHES], previous[WINDOW];

static void remember(int at)
{
	uint32_t word = text[at] | text[at + 1] << 8 | text[at + 2] << 16;
	uint32_t hash = word * 2654435761u >> 18;

	previous[at % WINDOW] = head[hash];
	head[hash] = at;
}

/* The longest match of what is at `at`, which is remembered. */
static struct token best_match(int at)
{
	struct token best = { 0, 0 };
	int limit = LENGTH - at < LONGEST ? LENGTH - at : LONGEST;

	if (limit < SHORTEST)
		return best;
	remember(at);
	for (int other = previous[at % WINDOW], tries = CHAIN; other >= 0 && at - other < WINDOW && tries > 0; tries--) {
		int length = 0;

		if (text[other + best.length] == text[at + best.length])
			while (length < limit && text[other + length] == text[at + length])
				length++;
		if (length >= SHORTEST && length > best.length) {
			best = (struct token){ length, at - other };
			if (length == limit)
				break;
		}
		other = previous[other % WINDOW];
	}
	return best;
}

static int find_tokens(void)
{
	int count = 0;

	memset(head, -1, sizeof head);
	for (int at = 0; at < LENGTH;) {
		struct token match = best_match(at);

		if (match.distance == 0) {
			tokens[count++] = (struct token){ text[at++], 0 };
			continue;
		}
		tokens[count++] = match;
		for (int end = at++ + match.length; at < end; at++)
			if (at + SHORTEST <= LENGTH)
				remember(at);
	}
	tokens[count++] = (struct token){ END, 0 };
	return count;
}

static size_t compress(void)
{
	struct bits to = { packed, 0, 0 };
	int count = find_tokens();

	memset(literal_code.frequency, 0, sizeof literal_code.frequency);
	memset(distance_code.frequency, 0, sizeof distance_code.frequency);
	for (int i = 0; i < count; i++) {
		if (tokens[i].distance == 0) {
			literal_code.frequency[tokens[i].length]++;
			continue;
		}
		literal_code.frequency[END + 1 + class_of(&lengths, tokens[i].length)]++;
		distance_code.frequency[class_of(&distances, tokens[i].distance)]++;
	}
	for (struct code *code = &literal_code; code; code = code == &literal_code ? &distance_code : NULL) {
		find_code(code);
		number_codes(code);
		for (int i = 0; i < code->count; i++)
			put(&to, code->length[i], 4);
	}
	for (int i = 0; i < count; i++) {
		struct token token = tokens[i];
		int class = class_of(&lengths, token.length), symbol = END + 1 + class;

		if (token.distance == 0) {
			put(&to, literal_code.bits[token.length], literal_code.length[token.length]);
			continue;
		}
		put(&to, literal_code.bits[symbol], literal_code.length[symbol]);
		put(&to, token.length - lengths.base[class], lengths.bits[class]);
		class = class_of(&distances, token.distance);
		put(&to, distance_code.bits[class], distance_code.length[class]);
		put(&to, token.distance - distances.base[class], distances.bits[class]);
	}
	put(&to, 0, 7);
	return to.at - packed;
}

static size_t decompress(void)
{
	struct bits from = { packed, 0, 0 };
	size_t at = 0;

	for (struct code *code = &literal_code; code; code = code == &literal_code ? &distance_code : NULL) {
		for (int i = 0; i < code->count; i++)
			code->length[i] = get(&from, 4);
		number_codes(code);
	}
	for (;;) {
		int symbol = decode(&literal_code, &from), length, distance;

		if (symbol == END)
			return at;
		if (symbol < END) {
			unpacked[at++] = symbol;
			continue;
		}
		symbol -= END + 1;
		length = lengths.base[symbol] + get(&from, lengths.bits[symbol]);
		symbol = decode(&distance_code, &from);
		distance = distances.base[symbol] + get(&from, distances.bits[symbol]);
		for (; length > 0; length--, at++)
			unpacked[at] = unpacked[at - distance];
	}
}

static uint64_t work(long count)
{
	uint64_t sum = 0;

	number_classes(&lengths, SHORTEST, 4);
	number_classes(&distances, 1, 2);
	while (count--) {
		size_t length;

		text[count * 4099 % LENGTH] = 'A' + count % 26;
		length = compress();
		memset(unpacked, 0, sizeof unpacked);
		if (decompress() != LENGTH || memcmp(text, unpacked, LENGTH)) {
			fprintf(stderr, "it comes out otherwise than it went in\n");
			exit(1);
		}
		sum = sum * 31 + length;
		for (size_t i = 0; i < length; i++)
			sum = sum * 31 + packed[i];
	}
	return sum;
}
