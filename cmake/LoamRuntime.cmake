# libloam.so and libloam.a. Under a sanitizer or gcov neither is built: those runtimes replace malloc themselves or
# allocate through it; there the heap is tested as a library (loam_core).

if(LOAM_SANITIZE OR LOAM_COVERAGE OR NOT TARGET loam_floor_preload)
  set(LOAM_PRELOAD OFF)
  return()
endif()
set(LOAM_PRELOAD ON)

# What only a question or a mode needs comes last: the pages of code that every program touches lie together.
set(rarely_used policy stack scan check record)
set(always_used ${LOAM_CORE_FLOORS})
list(REMOVE_ITEM always_used ${rarely_used})
set(top ${LOAM_TOP_FLOORS})
list(REMOVE_ITEM top interpose)
loam_floor_objects(runtime_objects ${always_used} ${top} ${rarely_used})
set(version_script ${CMAKE_SOURCE_DIR}/src/preload/libloam.map)

# No start files and no default libraries: nothing of the C++ library can slip in, and the .init_array holds the
# runtime's own entries only. -z nodelete: a thread's last free may come after dlclose.
add_library(loam_shared SHARED ${runtime_objects})
set_target_properties(loam_shared PROPERTIES
  OUTPUT_NAME loam VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINKER_LANGUAGE CXX LINK_DEPENDS ${version_script})
target_link_options(loam_shared PRIVATE
  -nostartfiles -nodefaultlibs
  -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--no-undefined -Wl,--build-id=sha1
  -Wl,--version-script=${version_script})
target_link_libraries(loam_shared PRIVATE c gcc)

# Stands beside it in check mode, in front of functions of the C library.
set(check_script ${CMAKE_SOURCE_DIR}/src/interpose/libloam-check.map)
add_library(loam_check_shared SHARED $<TARGET_OBJECTS:loam_floor_interpose>)
set_target_properties(loam_check_shared PROPERTIES
  OUTPUT_NAME loam-check LINKER_LANGUAGE CXX LINK_DEPENDS ${check_script})
target_link_options(loam_check_shared PRIVATE
  -nostartfiles -nodefaultlibs
  -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--build-id=sha1 -Wl,--version-script=${check_script})
target_link_libraries(loam_check_shared PRIVATE c gcc)

add_library(loam_static STATIC ${runtime_objects})
set_target_properties(loam_static PROPERTIES OUTPUT_NAME loam LINKER_LANGUAGE CXX)
