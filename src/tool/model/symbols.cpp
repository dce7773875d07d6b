#include "tool/model/symbols.hpp"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdlib>

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
std::string name_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned name : {unsigned{DW_AT_linkage_name}, unsigned{DW_AT_MIPS_linkage_name}}) {
    if (dwarf_attr_integrate(die, name, &attribute) != nullptr)
      return demangled(dwarf_formstring(&attribute));
  }
  const char* plain = dwarf_diename(die);
  return plain == nullptr ? std::string() : plain;
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

Symbols::Symbols() = default;
Symbols::~Symbols() = default;

Symbols::Module& Symbols::open(const SourceModule& wanted) {
  auto& module = modules_[{wanted.path, wanted.build_id}];
  if (!module) module = std::make_unique<Module>(wanted);
  return *module;
}

std::vector<SourceFrame> Symbols::find(const SourceModule& wanted, std::uint64_t offset,
                                       std::uint64_t address, bool exact) {
  SourceFrame frame;
  frame.module = wanted.path;
  frame.address = address;
  frame.offset = offset;
  const Module& module = open(wanted);
  const Dwarf_Addr at = module.address_of(exact ? offset : offset - 1);
  if (at == 0) return {frame};
  const std::string symbol = demangled(dwfl_module_addrname(module.module, at));
  if (Dwfl_Line* line = dwfl_module_getsrc(module.module, at)) {
    const char* file = dwfl_lineinfo(line, nullptr, &frame.line, nullptr, nullptr, nullptr);
    frame.file = whole_path(file, dwfl_line_comp_dir(line));
  }
  std::vector<SourceFrame> frames;
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module.module, at, &bias);
  Dwarf_Die* scopes = nullptr;
  const int inner = unit == nullptr ? 0 : dwarf_getscopes(unit, at - bias, &scopes);
  if (inner > 0) {
    // The innermost entry's own chain of parents: what stands there are the functions it was inlined into.
    Dwarf_Die* chain = nullptr;
    const int count = dwarf_getscopes_die(&scopes[0], &chain);
    for (int i = 0; i < count; ++i) {
      if (!is_function(&chain[i])) continue;
      frame.function = name_of(&chain[i]);
      frame.inlined = dwarf_tag(&chain[i]) == DW_TAG_inlined_subroutine;
      frames.push_back(frame);
      if (!frame.inlined) break;
      call_site(&chain[i], frame);
    }
    std::free(chain);
  }
  std::free(scopes);
  if (frames.empty()) {
    frame.function = symbol;
    frames.push_back(frame);
  }
  if (frames.back().function.empty()) frames.back().function = symbol;
  return frames;
}

}  // namespace loam::tool
