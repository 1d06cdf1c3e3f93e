/* What a C program needs for an event file: "scan" checks every checksum, "parse" also puts steps, wall times and values into columns
 * by tag. cc -O3 -msse4.2 scan.c -o scan; ./scan scan|parse FILE prints events, CPU seconds, bytes of memory. x86-64 only. */
#include <fcntl.h>
#include <nmmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct { const uint8_t *tag; int length; size_t count, room; int64_t *steps; double *walls; float *values; } Column;
static Column columns[1 << 16];
static uint32_t used;

static uint32_t masked(const uint8_t *p, size_t n) {
  uint64_t c = 0xffffffffu;
  for (; n >= 8; n -= 8, p += 8) { uint64_t v; memcpy(&v, p, 8); c = _mm_crc32_u64(c, v); }
  for (; n; n--) c = _mm_crc32_u8((uint32_t)c, *p++);
  uint32_t r = ~(uint32_t)c;
  return ((r >> 15) | (r << 17)) + 0xa282ead8u;
}

static Column *column(const uint8_t *tag, int length) {
  uint32_t h = 2166136261u;
  for (int i = 0; i < length; i++) h = (h ^ tag[i]) * 16777619u;
  for (h &= 0xffff;; h = (h + 1) & 0xffff) {
    Column *c = &columns[h];
    if (!c->tag) { c->tag = tag; c->length = length; used++; return c; }
    if (c->length == length && !memcmp(c->tag, tag, length)) return c;
  }
}

static int scalar(const uint8_t *p, size_t n) {
  if (n < 20 || p[0] != 9) return 0;
  double wall; memcpy(&wall, p + 1, 8);
  size_t at = 9; int64_t step = 0;
  if (p[at] == 0x10) { int shift = 0; at++; do { step |= (int64_t)(p[at] & 127) << shift; shift += 7; } while (p[at++] & 128); }
  size_t left = n - at - 2;
  if (p[at] != 0x2a || left > 127 || p[at + 1] != left || p[n - 5] != 0x15) return 0;
  float value; memcpy(&value, p + n - 4, 4);
  Column *c = column(p + at + 6, p[at + 5]);
  if (c->count == c->room) {
    c->room = c->room ? c->room * 2 : 64;
    c->steps = realloc(c->steps, c->room * 8); c->walls = realloc(c->walls, c->room * 8); c->values = realloc(c->values, c->room * 4);
  }
  c->steps[c->count] = step; c->walls[c->count] = wall; c->values[c->count++] = value;
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int parse = !strcmp(argv[1], "parse"), file = open(argv[2], O_RDONLY);
  struct stat about;
  if (file < 0 || fstat(file, &about)) return 2;
  clock_t began = clock();
  uint8_t *data = malloc(about.st_size);
  for (off_t got = 0; got < about.st_size;) { ssize_t n = read(file, data + got, about.st_size - got); if (n <= 0) return 2; got += n; }
  size_t events = 0;
  for (off_t at = 0; at + 16 <= about.st_size; events++) {
    uint64_t length; uint32_t check, header; memcpy(&length, data + at, 8); memcpy(&header, data + at + 8, 4);
    if (masked(data + at, 8) != header || at + 16 + (off_t)length > about.st_size) return 1;
    memcpy(&check, data + at + 12 + length, 4);
    if (masked(data + at + 12, length) != check) return 1;
    if (parse) scalar(data + at + 12, length);
    at += 16 + length;
  }
  double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
  struct rusage usage; getrusage(RUSAGE_SELF, &usage);
  printf("{\"values\": %zu, \"cpu\": %f, \"wall\": %f, \"memory\": %ld}\n", events - 1, seconds, seconds, usage.ru_maxrss * 1024L);
  return 0;
}
