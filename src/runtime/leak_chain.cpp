#include "runtime/leak_chain.hpp"

#include "base/bits.hpp"
#include "format/leaks.hpp"
#include "runtime/leak_answer.hpp"

namespace loam::runtime {

namespace {

// The live block that is asked for; of a site the first one that is held. No span: there is none.
scan::BlockMap::Block subject_of(const LeakSearch& search, const scan::BlockMap& map,
                                 const scan::Chain& chain) {
  if (!search.by_site) {
    const scan::BlockMap::Block block = map.find(search.subject);
    return block.span != nullptr && map.live().contains(block.number) ? block : scan::BlockMap::Block{};
  }
  for (uint64_t word = 0; word < map.words(); ++word) {
    for (uint64_t bits = map.live().words()[word]; bits != 0; bits &= bits - 1) {
      const scan::BlockMap::Block block = map.at(static_cast<uint32_t>(word * 64 + base::lowest_bit(bits)));
      if (chain.is_held(block.number) && map.stack_id(*block.span, block.index) == search.subject)
        return block;
    }
  }
  return {};
}

// Calls visit(link) from the block outwards, as long as it returns true. Returns the root's word, or that of a link left out.
template <class Visit>
uint64_t walk_chain(const scan::BlockMap& map, const scan::Chain& chain, scan::BlockMap::Block block,
                    uint64_t word, Visit&& visit) {
  for (;;) {
    const uint64_t address = map.address(*block.span, block.index);
    if (!visit(format::ChainLink{address, map.bytes(*block.span, block.index), word - address})) return word;
    word = chain.word_to(block.number);
    block = word == 0 ? scan::BlockMap::Block{} : map.find(word);
    if (block.span == nullptr || !map.live().contains(block.number)) return word;
  }
}

}  // namespace

bool write_chain(const LeakSearch& search, const scan::BlockMap& map, const scan::Chain& chain,
                 scan::Scratch& scratch, uint64_t pause_ns) {
  const scan::BlockMap::Block block = subject_of(search, map, chain);
  const bool held = block.span != nullptr && chain.is_held(block.number);
  format::ChainHeader header{format::kLeaksVersion, format::ChainState::kNoBlock, 0, 0, 0, pause_ns};
  if (block.span != nullptr) header.state = held ? format::ChainState::kHeld : format::ChainState::kLost;
  const uint64_t word = search.by_site && held ? map.address(*block.span, block.index) : search.subject;
  uint64_t links = 0;
  if (held) header.root = walk_chain(map, chain, block, word, [&](const auto&) { return ++links != 0; });
  header.links = links < format::kMostChainLinks ? links : format::kMostChainLinks;
  header.left_out = links - header.links;
  const uint64_t bytes =
      sizeof header + header.links * sizeof(format::ChainLink) + sizeof(format::LeakTrailer);
  if (!reply(search, format::Answer::kOk, header.pause_ns, bytes)) return false;
  LeakWriter writer(search, scratch);
  writer.write(header);
  uint64_t written = 0;
  const auto write = [&](const format::ChainLink& link) {
    if (written == header.links) return false;
    writer.write(link);
    return ++written != 0;
  };
  if (held) walk_chain(map, chain, block, word, write);
  return writer.flush();
}

}  // namespace loam::runtime
