/* Makes a small LevelDB database: two tables (one with a bloom filter block, Snappy where it pays) with deletions among them.
 *
 *   gcc -o make make.c -lleveldb && ./make DIR        (Debian libleveldb-dev 1.23-4)
 */
#include <leveldb/c.h>
#include <stdio.h>

int main(int argc, char **argv) {
  char *error = NULL, key[32], value[96];
  leveldb_options_t *options = leveldb_options_create();
  leveldb_writeoptions_t *write = leveldb_writeoptions_create();
  leveldb_options_set_create_if_missing(options, 1);
  leveldb_options_set_block_size(options, 1024);
  leveldb_options_set_compression(options, leveldb_snappy_compression);
  leveldb_options_set_filter_policy(options, leveldb_filterpolicy_create_bloom(10));
  leveldb_t *db = leveldb_open(options, argv[1], &error);
  for (int round = 0; error == NULL && round < 2; round++) {
    for (int i = round; i < 300; i += 1 + round) {
      int k = snprintf(key, sizeof key, "key%04d", i);
      int v = snprintf(value, sizeof value, "round %d value %d %s", round, i, i % 3 ? "again and again and again and again" : "");
      if (round == 1 && i % 10 == 1) leveldb_delete(db, write, key, k, &error);
      else leveldb_put(db, write, key, k, value, v, &error);
    }
    if (round == 0) leveldb_compact_range(db, NULL, 0, NULL, 0);
  }
  leveldb_close(db);
  /* A second open moves what is in the log into a table of level 0. */
  db = leveldb_open(options, argv[1], &error);
  leveldb_iterator_t *it = leveldb_create_iterator(db, leveldb_readoptions_create());
  for (leveldb_iter_seek_to_first(it); leveldb_iter_valid(it); leveldb_iter_next(it)) {
    size_t k, v;
    const char *key = leveldb_iter_key(it, &k), *value = leveldb_iter_value(it, &v);
    printf("%.*s\t%.*s\n", (int)k, key, (int)v, value);
  }
  leveldb_iter_destroy(it);
  leveldb_close(db);
  return error != NULL;
}
