#include "stack/modules.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace loam::stack {
namespace {

uint64_t address_of(void* symbol) { return reinterpret_cast<uint64_t>(symbol); }

TEST(Modules, KnowTheProgramAndItsLibraries) {
  const auto here = reinterpret_cast<uint64_t>(&address_of);
  const Module* program = module_at(here);
  ASSERT_NE(program, nullptr);
  EXPECT_TRUE(program->holds(here));
  EXPECT_NE(std::strstr(program->path, "unit"), nullptr) << program->path;
  EXPECT_EQ(module_at(here), program);
  EXPECT_EQ(module_of(program->id), program);
  const Module* libc = module_at(address_of(dlsym(RTLD_DEFAULT, "gnu_get_libc_version")));
  ASSERT_NE(libc, nullptr);
  EXPECT_NE(libc->id, program->id);
  EXPECT_NE(std::strstr(libc->path, "libc"), nullptr) << libc->path;
  EXPECT_EQ(libc->build_id_size, 20);
  EXPECT_GE(module_count(), 2u);
  for (const Module* module : {program, libc}) {
    EXPECT_GE(module->frames.header, module->frames.begin);
    EXPECT_LT(module->frames.header, module->frames.end);
  }
}

TEST(Modules, NoModule) {
  int local = 0;
  EXPECT_EQ(module_at(reinterpret_cast<uint64_t>(&local)), nullptr);
  EXPECT_EQ(module_at(0), nullptr);
  EXPECT_EQ(module_at(~uint64_t{0}), nullptr);
  EXPECT_EQ(module_of(0), nullptr);
  EXPECT_EQ(module_of(0xffff), nullptr);
  EXPECT_EQ(module_of(static_cast<uint16_t>(module_count() + 1)), nullptr);
}

TEST(Modules, AreRememberedAfterTheirEnd) {
  constexpr const char* kLibrary = "libBrokenLocale.so.1";  // part of glibc, and of nobody's needs
  void* handle = dlopen(kLibrary, RTLD_NOW);
  ASSERT_NE(handle, nullptr);
  void* symbol = dlsym(handle, "__ctype_get_mb_cur_max");
  const Module* module = module_at(address_of(symbol));
  ASSERT_NE(module, nullptr);
  const std::string path = module->path;
  EXPECT_NE(path.find(kLibrary), std::string::npos);
  dlclose(handle);
  modules_changed();
  EXPECT_EQ(module_at(address_of(symbol)), nullptr);
  ASSERT_EQ(module_of(module->id), module);
  EXPECT_EQ(module->path, path) << "the path is a copy, the loader's is gone";
  handle = dlopen(kLibrary, RTLD_NOW);
  ASSERT_NE(handle, nullptr);
  void* again = dlsym(handle, "__ctype_get_mb_cur_max");
  const Module* loaded_again = module_at(address_of(again));
  ASSERT_NE(loaded_again, nullptr);
  EXPECT_EQ(loaded_again == module, again == symbol) << "the same file at the same place is the same module";
  dlclose(handle);
}

TEST(Modules, GenerationsCount) {
  const uint32_t before = module_generation();
  modules_changed();
  EXPECT_EQ(module_generation(), before + 1);
}

}  // namespace
}  // namespace loam::stack
