#include "runtime/leak_answer.hpp"

#include "sys/kernel.hpp"

namespace loam::runtime {

bool reply(const LeakSearch& search, format::Answer answer, uint64_t pause_ns, uint64_t bytes) {
  const format::Reply head{format::kControlMagic,
                           format::kControlVersion,
                           search.cookie,
                           answer,
                           0,
                           sys::process_id(),
                           pause_ns,
                           bytes};
  return search.send(search.to, &head, sizeof head);
}

}  // namespace loam::runtime
