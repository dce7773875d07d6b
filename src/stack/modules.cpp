#include "stack/modules.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>

#include <cstring>

#include "meta/arena.hpp"
#include "stack/cursor.hpp"
#include "sys/syscall.hpp"

// Weak: with an older glibc the library still loads.
extern "C" int _dl_find_object(void*, dl_find_object*) noexcept __attribute__((weak));

namespace loam::stack {

namespace {

constexpr uint32_t kMaxModules = 0xfffe;
constexpr size_t kMaxPath = 1024;

// Entry i has the id i + 1. Filled from the front, without gaps.
constinit std::atomic<Module*> table[kMaxModules];
constinit std::atomic<uint32_t> count{0};

uint64_t mixed(uint64_t hash, const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

// What the loader has mapped, by its own headers where they can be had.
struct Image {
  const Elf64_Phdr* headers = nullptr;
  unsigned header_count = 0;
  uint64_t bias = 0;
  uint64_t start = 0;
  uint64_t end = 0;
  const uint8_t* frames = nullptr;  // .eh_frame_hdr
  const char* name = nullptr;
};

// A library's headers lie at its start, and the loader maps it in one piece. The program was mapped by the kernel, perhaps in several
// pieces, of which the loader names the one that holds the pc.
void find_headers(Image& image) {
  if (image.name == nullptr || image.name[0] == '\0') {
    image.headers = reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR));
    image.header_count = image.headers == nullptr ? 0 : static_cast<unsigned>(getauxval(AT_PHNUM));
    return;
  }
  constexpr uint64_t kFirstPage = 4096;
  const auto* elf = reinterpret_cast<const Elf64_Ehdr*>(image.start);
  if (std::memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phentsize != sizeof(Elf64_Phdr)) return;
  if (elf->e_phoff > kFirstPage || elf->e_phnum > (kFirstPage - elf->e_phoff) / sizeof(Elf64_Phdr)) return;
  image.headers = reinterpret_cast<const Elf64_Phdr*>(image.start + elf->e_phoff);
  image.header_count = elf->e_phnum;
}

Image image_of(const dl_find_object& found) {
  Image image;
  image.bias = found.dlfo_link_map->l_addr;
  image.name = found.dlfo_link_map->l_name;
  image.start = reinterpret_cast<uint64_t>(found.dlfo_map_start);
  image.end = reinterpret_cast<uint64_t>(found.dlfo_map_end);
  image.frames = static_cast<const uint8_t*>(found.dlfo_eh_frame);
  find_headers(image);
  for (unsigned i = 0; i < image.header_count; ++i) {
    if (image.headers[i].p_type != PT_LOAD) continue;
    const uint64_t start = image.bias + image.headers[i].p_vaddr;
    const uint64_t end = start + image.headers[i].p_memsz;
    if (start < image.start) image.start = start;
    if (end > image.end) image.end = end;
  }
  return image;
}

void read_build_id(Module& module, const uint8_t* notes, uint64_t size) {
  Cursor cursor(notes, notes + size);
  while (!cursor.at_end()) {
    const auto name_size = cursor.read<uint32_t>();
    const auto data_size = cursor.read<uint32_t>();
    const auto type = cursor.read<uint32_t>();
    const uint8_t* name = cursor.at();
    cursor.skip((uint64_t{name_size} + 3) & ~uint64_t{3});
    const uint8_t* data = cursor.at();
    cursor.skip((uint64_t{data_size} + 3) & ~uint64_t{3});
    if (!cursor.good()) return;
    if (type == NT_GNU_BUILD_ID && name_size == 4 && std::memcmp(name, "GNU", 4) == 0) {
      module.build_id_size = static_cast<uint8_t>(data_size < kMaxBuildId ? data_size : kMaxBuildId);
      std::memcpy(module.build_id, data, module.build_id_size);
      return;
    }
  }
}

// Whether the loader has mapped these bytes of the file.
bool is_mapped(const Image& image, const Elf64_Phdr& part) {
  for (unsigned i = 0; i < image.header_count; ++i) {
    const Elf64_Phdr& segment = image.headers[i];
    if (segment.p_type == PT_LOAD && part.p_vaddr >= segment.p_vaddr &&
        part.p_vaddr - segment.p_vaddr <= segment.p_filesz &&
        part.p_filesz <= segment.p_filesz - (part.p_vaddr - segment.p_vaddr))
      return true;
  }
  return false;
}

// The bounds of the segment with the unwind information, and the build id. Without headers the bounds are those of the module.
void read_headers(Module& module, const Image& image) {
  module.frames.begin = reinterpret_cast<const uint8_t*>(module.start);
  module.frames.end = reinterpret_cast<const uint8_t*>(module.end);
  const auto header = reinterpret_cast<uint64_t>(module.frames.header);
  for (unsigned i = 0; i < image.header_count; ++i) {
    const Elf64_Phdr& segment = image.headers[i];
    const uint64_t start = module.bias + segment.p_vaddr;
    const uint64_t end = start + segment.p_filesz;
    if (start < module.start || end > module.end || end < start) continue;
    if (segment.p_type == PT_LOAD && header >= start && header < end) {
      module.frames.begin = reinterpret_cast<const uint8_t*>(start);
      module.frames.end = reinterpret_cast<const uint8_t*>(end);
    }
    if (segment.p_type == PT_NOTE && module.build_id_size == 0 && is_mapped(image, segment))
      read_build_id(module, reinterpret_cast<const uint8_t*>(start), segment.p_filesz);
  }
}

// Tells two files apart that are mapped at the same place: a hash of the head of the unwind table and of the build id's bytes
// where they lie. Cheap, for it is taken whenever a new pc is met.
uint64_t fingerprint_of(const Image& image) {
  uint64_t hash = 14695981039346656037u;
  constexpr uint64_t kTableHead = 128;
  constexpr uint64_t kNotes = 256;
  const auto frames = reinterpret_cast<uint64_t>(image.frames);
  if (frames >= image.start && frames < image.end)
    hash = mixed(hash, image.frames, image.end - frames < kTableHead ? 4 : kTableHead);
  for (unsigned i = 0; i < image.header_count; ++i) {
    const Elf64_Phdr& segment = image.headers[i];
    if (segment.p_type != PT_NOTE || !is_mapped(image, segment)) continue;
    const uint64_t size = segment.p_filesz < kNotes ? segment.p_filesz : kNotes;
    hash = mixed(hash, reinterpret_cast<const uint8_t*>(image.bias + segment.p_vaddr), size);
  }
  return hash;
}

const char* keep_path(const char* name) {
  char path[kMaxPath];
  size_t size = name == nullptr ? 0 : std::strlen(name);
  if (size == 0) {
    const long read = sys::raw_call(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/self/exe"),
                                    reinterpret_cast<long>(path), static_cast<long>(sizeof path - 1));
    size = sys::failed(read) ? 0 : static_cast<size_t>(read);
    name = path;
  }
  if (size >= kMaxPath) size = kMaxPath - 1;
  auto* kept = static_cast<char*>(meta::arena.allocate(size + 1));
  if (kept == nullptr) return "";
  std::memcpy(kept, name, size);
  kept[size] = '\0';
  return kept;
}

Module* make(const Image& image, uint64_t fingerprint) {
  auto* module = static_cast<Module*>(meta::arena.allocate(sizeof(Module)));
  if (module == nullptr) return nullptr;
  module->start = image.start;
  module->end = image.end;
  module->bias = image.bias;
  module->frames.header = image.frames;
  module->fingerprint = fingerprint;
  module->path = keep_path(image.name);
  read_headers(*module, image);
  return module;
}

Module* look(const Image& image, uint64_t fingerprint, uint32_t from, uint32_t until) {
  for (uint32_t i = from; i < until; ++i) {
    Module* module = table[i].load(std::memory_order_acquire);
    if (module != nullptr && module->start == image.start && module->end == image.end &&
        module->frames.header == image.frames && module->fingerprint == fingerprint)
      return module;
  }
  return nullptr;
}

// The module is what lies there now: whatever else was known to is gone. Of the modules known at one place all but one are.
void settle(Module& module) {
  module.gone.store(false, std::memory_order_relaxed);
  bool replaced = false;
  const uint32_t known = count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < known; ++i) {
    Module* other = table[i].load(std::memory_order_acquire);
    if (other == nullptr || other == &module || other->start >= module.end || module.start >= other->end)
      continue;
    replaced = !other->gone.exchange(true, std::memory_order_relaxed) || replaced;
  }
  if (replaced) modules_changed();
}

Module* enter(Module* module, const Image& image, uint32_t from) {
  for (uint32_t i = from; i < kMaxModules; ++i) {
    Module* other = table[i].load(std::memory_order_acquire);
    if (other == nullptr) {
      module->id = static_cast<uint16_t>(i + 1);
      if (table[i].compare_exchange_strong(other, module, std::memory_order_release,
                                           std::memory_order_acquire)) {
        uint32_t seen = count.load(std::memory_order_relaxed);
        while (seen < i + 1 && !count.compare_exchange_weak(seen, i + 1, std::memory_order_release)) continue;
        return module;
      }
    }
    Module* winner = look(image, module->fingerprint, i, i + 1);
    if (winner != nullptr) return winner;
  }
  return nullptr;
}

}  // namespace

const Module* module_at(uint64_t pc) {
  if (_dl_find_object == nullptr) return nullptr;
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) return nullptr;
  const Image image = image_of(found);
  const uint64_t fingerprint = fingerprint_of(image);
  const uint32_t known = count.load(std::memory_order_acquire);
  Module* module = look(image, fingerprint, 0, known);
  if (module != nullptr && !module->gone.load(std::memory_order_relaxed)) return module;
  if (module == nullptr) {
    module = make(image, fingerprint);
    if (module != nullptr) module = enter(module, image, known);
  }
  if (module != nullptr) settle(*module);
  return module;
}

const Module* module_of(uint16_t id) {
  if (id == 0 || id > kMaxModules) return nullptr;
  return table[id - 1].load(std::memory_order_acquire);
}

uint32_t module_count() { return count.load(std::memory_order_acquire); }

constinit std::atomic<uint32_t> generation_of_modules{1};

void modules_changed() { generation_of_modules.fetch_add(1, std::memory_order_acq_rel); }

}  // namespace loam::stack
