// Makes the logs of this folder:
//   g++ -std=c++17 make.cc -o make -lrocksdb && ./make p plain && ./make r recycle
// keep p/000004.log as plain-000004.log and r/000012.log as recycled-000012.log.
#include <rocksdb/db.h>

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace rocksdb;

static void check(const Status& status) {
  if (!status.ok()) {
    std::puts(status.ToString().c_str());
    std::abort();
  }
}

// Key i is "key" and four digits; byte j of its value is i * 31 + j.
static void put(DB* db, unsigned i, size_t len) {
  char key[16];
  std::snprintf(key, sizeof key, "key%04u", i);
  std::string value(len, 0);
  for (size_t j = 0; j < len; j++) value[j] = static_cast<char>(i * 31 + j);
  check(db->Put(WriteOptions(), key, value));
}

int main(int, char** argv) {
  bool recycle = argv[2][0] == 'r';
  Options options;
  options.create_if_missing = true;
  options.avoid_flush_during_shutdown = true;
  if (recycle) {
    options.recycle_log_file_num = 2;
    // Every other mode switches recycling off in 7.8.3.
    options.wal_recovery_mode = WALRecoveryMode::kSkipAnyCorruptedRecords;
  }
  DB* db;
  check(DB::Open(options, argv[1], &db));
  if (recycle) {
    unsigned i = 0;
    for (int round = 0; round < 4; round++) {
      for (int k = 0; k < (round < 3 ? 40 : 35); k++, i++) put(db, i, 900 + 10 * k);
      if (round < 3) check(db->Flush(FlushOptions()));
    }
  } else {
    const size_t lens[] = {0, 1, 100, 32200, 300, 33000, 5, 2000};
    for (unsigned i = 0; i < 8; i++) put(db, i, lens[i]);
  }
  // Leave the log as a crash would.
  std::_Exit(0);
}
