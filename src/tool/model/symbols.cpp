#include "tool/model/symbols.hpp"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

std::string demangled(const char* name) {
  if (name == nullptr) return {};
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 && text ? text.get() : name;
}

char* debuginfo_path = nullptr;
const Dwfl_Callbacks kCallbacks = {dwfl_build_id_find_elf, dwfl_standard_find_debuginfo,
                                   dwfl_offline_section_address, &debuginfo_path};

// The name of a function's entry, which for an inlined one stands where it was declared.
void set_name(Dwarf_Die* die, SourceFrame& frame) {
  Dwarf_Attribute attribute;
  Dwarf_Word declared = 0;
  frame.declared = dwarf_formudata(dwarf_attr_integrate(die, DW_AT_decl_line, &attribute), &declared) == 0
                       ? static_cast<int>(declared)
                       : 0;
  for (const unsigned name : {unsigned{DW_AT_linkage_name}, unsigned{DW_AT_MIPS_linkage_name}}) {
    if (dwarf_attr_integrate(die, name, &attribute) == nullptr) continue;
    const char* linkage = dwarf_formstring(&attribute);
    frame.function = demangled(linkage);
    frame.linkage = linkage == nullptr ? "" : linkage;
    return;
  }
  const char* plain = dwarf_diename(die);
  frame.function = frame.linkage = plain == nullptr ? "" : plain;
}

bool is_function(Dwarf_Die* die) {
  const int tag = dwarf_tag(die);
  return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

// Compilers name sources as they were called; the folder in which that was is the unit's.
std::string whole_path(const char* name, const char* folder) {
  if (name == nullptr) return {};
  return name[0] == '/' || folder == nullptr ? name : std::string(folder) + "/" + name;
}

// Where the inlined function of this entry was called.
void call_site(Dwarf_Die* die, SourceFrame& frame) {
  Dwarf_Attribute attribute;
  Dwarf_Word line = 0;
  Dwarf_Word file = 0;
  frame.line = 0;
  frame.file.clear();
  if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) == 0)
    frame.line = static_cast<int>(line);
  Dwarf_Die unit;
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &file) != 0 ||
      dwarf_diecu(die, &unit, nullptr, nullptr) == nullptr || dwarf_getsrcfiles(&unit, &files, &count) != 0)
    return;
  const char* name = dwarf_filesrc(files, file, nullptr, nullptr);
  Dwarf_Attribute folder;
  frame.file = whole_path(name, dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &folder)));
}

}  // namespace

struct Symbols::Module {
  Dwfl* session = nullptr;
  Dwfl_Module* module = nullptr;
  std::map<Dwarf_Addr, std::vector<SourceFrame>> found;  // what was looked up before

  explicit Module(const SourceModule& wanted) {
    session = dwfl_begin(&kCallbacks);
    if (session == nullptr) return;
    dwfl_report_begin(session);
    module = dwfl_report_offline(session, wanted.path.c_str(), wanted.path.c_str(), -1);
    dwfl_report_end(session, nullptr, nullptr);
    if (!is_the_one(wanted.build_id)) module = nullptr;
  }
  ~Module() {
    if (session != nullptr) dwfl_end(session);
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Not when the file has been built anew since the program started: its lines would be wrong ones.
  bool is_the_one(const std::vector<std::uint8_t>& wanted) const {
    if (module == nullptr || wanted.empty()) return module != nullptr;
    GElf_Addr bias = 0;
    if (dwfl_module_getelf(module, &bias) == nullptr) return false;
    const unsigned char* bits = nullptr;
    GElf_Addr where = 0;
    const int size = dwfl_module_build_id(module, &bits, &where);
    return size <= 0 || std::vector<std::uint8_t>(bits, bits + size) == wanted;
  }

  // The address in libdwfl's own layout of the file, or 0.
  Dwarf_Addr address_of(std::uint64_t offset) const {
    GElf_Addr bias = 0;
    return module == nullptr || dwfl_module_getelf(module, &bias) == nullptr ? 0 : bias + offset;
  }
};

namespace {

// Empty if the file is no ELF file, or has none.
std::vector<std::uint8_t> build_id_of(const std::string& path) {
  elf_version(EV_CURRENT);
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) throw Failure(kExitFailure, fmt::format("cannot read {}: {}", path, error_text(errno)));
  const std::unique_ptr<Elf, int (*)(Elf*)> elf(elf_begin(file.get(), ELF_C_READ_MMAP, nullptr), elf_end);
  const void* bits = nullptr;
  const ssize_t size = elf == nullptr ? 0 : dwelf_elf_gnu_build_id(elf.get(), &bits);
  if (size <= 0) return {};
  const auto* bytes = static_cast<const std::uint8_t*>(bits);
  return {bytes, bytes + size};
}

}  // namespace

void Symbols::look_in(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> files{path};
  if (fs::is_directory(path, error)) {
    files.clear();
    for (const auto& entry : fs::directory_iterator(path, error))
      if (entry.is_regular_file(error)) files.push_back(entry.path());
    if (error) throw Failure(kExitFailure, fmt::format("cannot read {}: {}", path, error.message()));
  }
  for (const std::string& file : files) {
    const std::vector<std::uint8_t> id = build_id_of(file);
    if (!id.empty()) elsewhere_.emplace(id, file);
  }
}

Symbols::Symbols() = default;
Symbols::~Symbols() = default;

Symbols::Module& Symbols::open(const SourceModule& wanted) {
  auto& module = modules_[{wanted.path, wanted.build_id}];
  if (module) return *module;
  module = std::make_unique<Module>(wanted);
  const auto other = elsewhere_.find(wanted.build_id);
  if (module->module == nullptr && other != elsewhere_.end())
    module = std::make_unique<Module>(SourceModule{other->second, wanted.build_id});
  return *module;
}

namespace {

// The compilation unit of an address. Not every compiler writes the table by which libdwfl looks units up.
Dwarf_Die* unit_at(Dwfl_Module* module, Dwarf_Addr at, Dwarf_Addr& bias) {
  if (Dwarf_Die* unit = dwfl_module_addrdie(module, at, &bias)) return unit;
  Dwarf_Die* unit = nullptr;
  while ((unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr) {
    if (dwarf_haspc(unit, at - bias) > 0) return unit;
  }
  return nullptr;
}

void set_line(Dwarf_Die* unit, Dwarf_Addr address, SourceFrame& frame) {
  // Compilers say line 0 of what belongs to no line in particular: then the one before is meant.
  constexpr Dwarf_Addr kFarBack = 48;
  Dwarf_Line* line = dwarf_getsrc_die(unit, address);
  for (Dwarf_Addr back = 1; back < kFarBack && line != nullptr; ++back) {
    if (dwarf_lineno(line, &frame.line) != 0 || frame.line != 0) break;
    line = dwarf_getsrc_die(unit, address - back);
  }
  if (line == nullptr) return;
  Dwarf_Attribute folder;
  frame.file = whole_path(dwarf_linesrc(line, nullptr, nullptr),
                          dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &folder)));
}

// Entries that have no addresses of their own but may contain functions: some compilers leave those where they were declared.
// (dwarf_getscopes passes such entries by with all that is in them.)
bool only_contains(Dwarf_Die* die) {
  switch (dwarf_tag(die)) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
      return true;
    default:
      return false;
  }
}

// Adds the functions of which the address is a part to `chain`, the outermost first. Whether there are any.
bool descend(Dwarf_Die* parent, Dwarf_Addr address,
             std::vector<Dwarf_Die>& chain) {  // NOLINT(misc-no-recursion): as deep as the source
  Dwarf_Die child;
  if (dwarf_child(parent, &child) != 0) return false;
  do {
    if (only_contains(&child)) {
      if (descend(&child, address, chain)) return true;
    } else if (dwarf_haspc(&child, address) > 0) {
      const bool function = is_function(&child);
      if (function) chain.push_back(child);
      return descend(&child, address, chain) || function;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

// The functions at the address, the innermost inlined one first.
std::vector<SourceFrame> functions_at(Dwarf_Die* unit, Dwarf_Addr address, SourceFrame frame) {
  std::vector<SourceFrame> frames;
  std::vector<Dwarf_Die> chain;
  descend(unit, address, chain);
  for (auto die = chain.rbegin(); die != chain.rend(); ++die) {
    set_name(&*die, frame);
    frame.inlined = dwarf_tag(&*die) == DW_TAG_inlined_subroutine;
    frames.push_back(frame);
    if (!frame.inlined) break;
    call_site(&*die, frame);
  }
  return frames;
}

}  // namespace

std::vector<SourceFrame> Symbols::look_up(const Module& module, std::uint64_t at, SourceFrame frame) {
  const char* symbol = dwfl_module_addrname(module.module, at);
  Dwarf_Addr bias = 0;
  std::vector<SourceFrame> frames;
  if (Dwarf_Die* unit = unit_at(module.module, at, bias)) {
    set_line(unit, at - bias, frame);
    frames = functions_at(unit, at - bias, frame);
  }
  if (frames.empty()) frames.push_back(frame);
  if (frames.back().function.empty() && symbol != nullptr) {
    frames.back().function = demangled(symbol);
    frames.back().linkage = symbol;
  }
  return frames;
}

std::vector<SourceFrame> Symbols::find(const SourceModule& wanted, std::uint64_t offset,
                                       std::uint64_t address, bool exact) {
  SourceFrame frame;
  frame.module = wanted.path;
  frame.address = address;
  frame.offset = offset;
  Module& module = open(wanted);
  const Dwarf_Addr at = module.address_of(exact ? offset : offset - 1);
  if (at == 0) return {frame};
  const auto known = module.found.find(at);
  if (known == module.found.end()) return module.found[at] = look_up(module, at, frame);
  std::vector<SourceFrame> frames = known->second;
  for (SourceFrame& copy : frames) {
    copy.address = address;
    copy.offset = offset;
  }
  return frames;
}

}  // namespace loam::tool
