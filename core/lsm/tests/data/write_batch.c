/* Reads batches from standard input, one operation a line, and prints each line again, followed behind every batch by the bytes that
 * librocksdb makes of it. Operations: put|merge FAMILY KEY VALUE, delete|single FAMILY KEY, range FAMILY BEGIN END, log BLOB (hex,
 * "-" is empty); "=" ends a batch. Families 0..=129 exist.
 *
 *   gcc -o write_batch write_batch.c -lrocksdb && grep -v "^= ." write_batch.txt ... (with "=" for every batch) | ./write_batch DIR
 */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES 130

static size_t unhex(const char *text, char *out) {
  size_t n = 0;
  if (strcmp(text, "-") == 0) return 0;
  for (unsigned byte; sscanf(text, "%2x", &byte) == 1; text += 2) out[n++] = (char)byte;
  return n;
}

int main(int argc, char **argv) {
  char *error = NULL, name[32];
  rocksdb_column_family_handle_t *family[FAMILIES];
  rocksdb_options_t *options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(options, 1);
  rocksdb_t *db = rocksdb_open(options, argc > 1 ? argv[1] : "/tmp/write_batch.db", &error);
  if (error != NULL) return fprintf(stderr, "%s\n", error), 1;
  for (int i = 1; i < FAMILIES; i++) {
    snprintf(name, sizeof name, "f%d", i);
    family[i] = rocksdb_create_column_family(db, options, name, &error);
    if (error != NULL) return fprintf(stderr, "%s\n", error), 1;
  }
  static char line[4096], op[16], a[2048], b[2048], key[1024], value[1024];
  rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
  while (fgets(line, sizeof line, stdin) != NULL) {
    int f = 0;
    a[0] = b[0] = 0;
    if (line[0] == '#') { fputs(line, stdout); continue; }
    if (line[0] == '=') {
      size_t len;
      const char *bytes = rocksdb_writebatch_data(batch, &len);
      printf("= ");
      for (size_t i = 0; i < len; i++) printf("%02x", (unsigned char)bytes[i]);
      printf("\n");
      rocksdb_writebatch_clear(batch);
      continue;
    }
    fputs(line, stdout);
    if (sscanf(line, "log %2047s", a) == 1) {
      rocksdb_writebatch_put_log_data(batch, key, unhex(a, key));
      continue;
    }
    sscanf(line, "%15s %d %2047s %2047s", op, &f, a, b);
    size_t k = unhex(a, key), v = unhex(b, value);
    rocksdb_column_family_handle_t *cf = family[f];
    if (!strcmp(op, "put")) {
      if (f) rocksdb_writebatch_put_cf(batch, cf, key, k, value, v);
      else rocksdb_writebatch_put(batch, key, k, value, v);
    } else if (!strcmp(op, "merge")) {
      if (f) rocksdb_writebatch_merge_cf(batch, cf, key, k, value, v);
      else rocksdb_writebatch_merge(batch, key, k, value, v);
    } else if (!strcmp(op, "delete")) {
      if (f) rocksdb_writebatch_delete_cf(batch, cf, key, k);
      else rocksdb_writebatch_delete(batch, key, k);
    } else if (!strcmp(op, "single")) {
      if (f) rocksdb_writebatch_singledelete_cf(batch, cf, key, k);
      else rocksdb_writebatch_singledelete(batch, key, k);
    } else if (!strcmp(op, "range")) {
      if (f) rocksdb_writebatch_delete_range_cf(batch, cf, key, k, value, v);
      else rocksdb_writebatch_delete_range(batch, key, k, value, v);
    } else {
      return fprintf(stderr, "unknown operation: %s", line), 1;
    }
  }
  return 0;
}
