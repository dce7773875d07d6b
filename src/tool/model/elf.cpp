#include "tool/model/elf.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

// A file mapped for reading; reads outside it yield zeros or nothing.
class Image {
 public:
  explicit Image(const std::string& path) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0)
      return;
    size_ = static_cast<std::size_t>(status.st_size);
    void* at = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (at != MAP_FAILED) data_ = static_cast<const char*>(at);
  }
  ~Image() {
    if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  template <class T>
  bool get(std::uint64_t offset, T& out) const {
    if (data_ == nullptr || offset > size_ || size_ - offset < sizeof(T)) return false;
    std::memcpy(&out, data_ + offset, sizeof(T));
    return true;
  }

  std::string_view text(std::uint64_t offset) const {
    if (data_ == nullptr || offset >= size_) return {};
    return {data_ + offset, strnlen(data_ + offset, size_ - offset)};
  }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

constexpr std::array kMallocNames = {"malloc", "free", "calloc", "realloc"};
constexpr std::array kPrivateNames = {"je_malloc", "_rjem_malloc", "mi_malloc", "tc_malloc", "rpmalloc"};

class Reader {
 public:
  Reader(const Image& image, ElfFacts& facts) : image_(image), facts_(facts) {}

  void read(const Elf64_Ehdr& header) {
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      Elf64_Phdr segment{};
      if (!image_.get(header.e_phoff + std::uint64_t{i} * header.e_phentsize, segment)) break;
      segments_.push_back(segment);
    }
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type == PT_INTERP) {
        facts_.has_interpreter = true;
        facts_.interpreter = image_.text(segment.p_offset);
      }
      if (segment.p_type == PT_DYNAMIC && facts_.needed.empty()) read_dynamic(segment);
    }
    read_symbols(header);
  }

 private:
  std::uint64_t file_offset(std::uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz) {
        return address - segment.p_vaddr + segment.p_offset;
      }
    }
    return ~std::uint64_t{0};
  }

  void read_dynamic(const Elf64_Phdr& segment) {
    std::vector<Elf64_Dyn> entries;
    std::uint64_t strings = 0;
    for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry{};
      if (!image_.get(segment.p_offset + at, entry) || entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_STRTAB) strings = file_offset(entry.d_un.d_ptr);
      entries.push_back(entry);
    }
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_NEEDED) facts_.needed.emplace_back(image_.text(strings + entry.d_un.d_val));
      if (entry.d_tag == DT_SONAME) facts_.soname = image_.text(strings + entry.d_un.d_val);
    }
  }

  // At most one table of each kind, as the format has it: a damaged file must not be read thousands of times over.
  void read_symbols(const Elf64_Ehdr& header) {
    bool seen[2] = {};
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      Elf64_Shdr section{};
      Elf64_Shdr strings{};
      if (!image_.get(header.e_shoff + std::uint64_t{i} * header.e_shentsize, section)) return;
      if (section.sh_type != SHT_DYNSYM && section.sh_type != SHT_SYMTAB) continue;
      if (std::exchange(seen[section.sh_type == SHT_DYNSYM ? 1 : 0], true)) continue;
      if (!image_.get(header.e_shoff + std::uint64_t{section.sh_link} * header.e_shentsize, strings))
        continue;
      read_table(section, strings.sh_offset);
    }
  }

  void read_table(const Elf64_Shdr& section, std::uint64_t strings) {
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol{};
      if (!image_.get(section.sh_offset + at, symbol)) return;
      if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
      const std::string_view name = image_.text(strings + symbol.st_name);
      if (std::ranges::find(kMallocNames, name) != kMallocNames.end()) {
        auto& list = section.sh_type == SHT_DYNSYM ? facts_.exported_malloc : facts_.private_malloc;
        if (std::ranges::find(list, name) == list.end()) list.emplace_back(name);
      }
      if (std::ranges::find(kPrivateNames, name) != kPrivateNames.end())
        facts_.private_malloc.emplace_back(name);
    }
  }

  const Image& image_;
  ElfFacts& facts_;
  std::vector<Elf64_Phdr> segments_;
};

}  // namespace

std::optional<ElfFacts> read_elf(const std::string& path) {
  const Image image(path);
  Elf64_Ehdr header{};
  // The first 20 bytes are the same in both classes; a file too short for the rest is no program.
  if (!image.get(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  ElfFacts facts;
  facts.file_class = header.e_ident[EI_CLASS];
  facts.byte_order = header.e_ident[EI_DATA];
  facts.machine = header.e_machine;
  facts.type = header.e_type;
  if (facts.file_class == ELFCLASS64 && facts.byte_order == ELFDATA2LSB) Reader(image, facts).read(header);
  return facts;
}

std::string architecture(const ElfFacts& facts) {
  std::string name;
  switch (facts.machine) {
    case EM_386:
      name = "x86";
      break;
    case EM_X86_64:
      name = "x86-64";
      break;
    case EM_ARM:
      name = "ARM";
      break;
    case EM_AARCH64:
      name = "aarch64";
      break;
    case EM_RISCV:
      name = "RISC-V";
      break;
    case EM_PPC64:
      name = "ppc64";
      break;
    case EM_S390:
      name = "s390";
      break;
    default:
      name = fmt::format("machine {}", facts.machine);
  }
  return fmt::format("{}-bit {}", facts.file_class == ELFCLASS32 ? 32 : 64, name);
}

bool same_architecture(const ElfFacts& a, const ElfFacts& b) {
  return a.machine == b.machine && a.file_class == b.file_class && a.byte_order == b.byte_order;
}

}  // namespace loam::tool
