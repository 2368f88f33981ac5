/* Makes databases with what RocksDB 7.8 can still write and no longer writes by default: format_version 2 to 4 with the legacy bloom filter,
 * the checksums xxHash and xxHash64, a hash-search index, a delta-coded index, a plain table, and a table for ingestion.
 *
 *   gcc -o make make.c -lrocksdb && ./make OUT        (Debian librocksdb-dev 7.8.3-2)
 *
 * For every database NAME there is OUT/NAME and OUT/NAME.expected.txt (family, key, value in hex, as RocksDB iterates).
 */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape { const char *name; int version, checksum, index, restart, plain; };

static const struct shape shapes[] = {
  {"version-2", 2, 1, 0, 1, 0},  {"version-3", 3, 1, 0, 1, 0},   {"version-4", 4, 1, 0, 1, 0},    {"xxhash", 5, 2, 0, 1, 0},
  {"xxhash64", 5, 3, 0, 1, 0},   {"hash-search", 4, 1, 1, 1, 0}, {"delta-index", 5, 4, 0, 16, 0}, {"plain-table", 0, 0, 0, 1, 1},
};

static void hex(FILE *out, const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) fprintf(out, "%02x", (unsigned char)bytes[i]);
}

static int make(const char *out, const struct shape *s) {
  char *error = NULL, path[512], key[32], value[64];
  rocksdb_options_t *options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(options, 1);
  rocksdb_options_set_compression(options, 0);
  if (s->plain) {
    rocksdb_options_set_plain_table_factory(options, 0, 10, 0.75, 16);
  } else {
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_format_version(table, s->version);
    rocksdb_block_based_options_set_checksum(table, s->checksum);
    rocksdb_block_based_options_set_index_type(table, s->index);
    rocksdb_block_based_options_set_index_block_restart_interval(table, s->restart);
    rocksdb_block_based_options_set_block_size(table, 256);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_options_set_block_based_table_factory(options, table);
  }
  if (s->index == 1 || s->plain)
    rocksdb_options_set_prefix_extractor(options, rocksdb_slicetransform_create_fixed_prefix(4));
  snprintf(path, sizeof path, "%s/%s", out, s->name);
  rocksdb_t *db = rocksdb_open(options, path, &error);
  if (error) return fprintf(stderr, "%s: %s\n", s->name, error), 1;
  rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
  for (int i = 0; i < 150; i++) {
    int k = snprintf(key, sizeof key, "key-%05d", i * 7), v = snprintf(value, sizeof value, "value %d", i * i);
    rocksdb_put(db, write, key, k, value, v, &error);
  }
  rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
  rocksdb_flush(db, flush, &error);
  strcat(path, ".expected.txt");
  FILE *expected = fopen(path, "w");
  fprintf(expected, "# column family, key, value (hex); writer RocksDB 7.8.3, %s\n", s->name);
  rocksdb_readoptions_t *read = rocksdb_readoptions_create();
  rocksdb_readoptions_set_total_order_seek(read, 1);
  rocksdb_iterator_t *it = s->plain ? NULL : rocksdb_create_iterator(db, read);
  if (it) rocksdb_iter_seek_to_first(it);
  for (; it && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
    size_t k, v;
    const char *kp = rocksdb_iter_key(it, &k), *vp = rocksdb_iter_value(it, &v);
    fputs("default\t", expected), hex(expected, kp, k), fputs("\t", expected), hex(expected, vp, v), fputs("\n", expected);
  }
  if (it) rocksdb_iter_destroy(it);
  fclose(expected);
  rocksdb_close(db);
  return error != NULL;
}

/* A table that is built outside of a database, to be ingested. */
static int make_external(const char *out) {
  char *error = NULL, path[512];
  snprintf(path, sizeof path, "%s/external.sst", out);
  rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(rocksdb_envoptions_create(), rocksdb_options_create());
  rocksdb_sstfilewriter_open(writer, path, &error);
  rocksdb_sstfilewriter_put(writer, "key", 3, "value", 5, &error);
  rocksdb_sstfilewriter_finish(writer, &error);
  rocksdb_sstfilewriter_destroy(writer);
  return error != NULL;
}

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof shapes / sizeof *shapes; i++)
    if (make(argv[1], &shapes[i])) return 1;
  return argc > 1 ? make_external(argv[1]) : 1;
}
