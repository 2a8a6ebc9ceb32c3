// Keeps TensorFlow 2.21 from writing to stderr while it loads: it reads TF_CPP_MIN_LOG_LEVEL only after its first
// messages. This library comes first in the symbol lookup of what it links to, so abseil asks here instead. Under
// another abseil version the name differs and nothing changes.
#include <stdlib.h>

namespace absl {
inline namespace lts_20250814 {

enum class LogSeverityAtLeast : int {};

__attribute__((visibility("default"))) LogSeverityAtLeast MinLogLevel() {
  const char* level = getenv("TF_CPP_MIN_LOG_LEVEL");
  return static_cast<LogSeverityAtLeast>(level ? atoi(level) : 2);
}

}  // namespace lts_20250814
}  // namespace absl
