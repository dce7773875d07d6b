# One object library a floor, in the order of docs/architecture.md. A floor of headers only has none.
# loam_core: every floor below the runtime, linkable into a test without replacing that test's malloc.

set(LOAM_CORE_FLOORS base sys format options meta heap policy stack scan check record report)
# Unwind rows and registers are written for one architecture so far.
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  list(REMOVE_ITEM LOAM_CORE_FLOORS stack)
endif()
set(LOAM_TOOL_FLOORS base sys format options policy)
set(LOAM_TOP_FLOORS runtime preload interpose)
# The collected heap, libloam-gc.so.
set(LOAM_GC_FLOORS lib/gc lib/gc_c)

# What most files of the runtime include, read once: a small file takes a third of the time (heap/walk.cpp 1.3 -> 0.6 s of processor time).
set(LOAM_FLOOR_HEADERS <errno.h> <fcntl.h> <signal.h> <string.h> <sys/mman.h> <time.h> <unistd.h>
  <atomic> <bit> <cstddef> <cstdint> <cstring> <type_traits>)

function(loam_add_floor floor)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${floor}/*.cpp ${CMAKE_SOURCE_DIR}/src/${floor}/*.S)
  string(REPLACE "/" "_" name ${floor})
  if(sources)
    add_library(loam_floor_${name} OBJECT ${sources})
    target_link_libraries(loam_floor_${name} PRIVATE loam_runtime_flags)
    target_compile_definitions(loam_floor_${name} PRIVATE LOAM_VERSION="${PROJECT_VERSION}")
    # All floors are compiled with the same flags, and so the first one's serves them all.
    get_property(first GLOBAL PROPERTY LOAM_FIRST_FLOOR)
    if(first)
      target_precompile_headers(loam_floor_${name} REUSE_FROM ${first})
    else()
      target_precompile_headers(loam_floor_${name} PRIVATE ${LOAM_FLOOR_HEADERS})
      set_property(GLOBAL PROPERTY LOAM_FIRST_FLOOR loam_floor_${name})
    endif()
  endif()
endfunction()

# Appends to the list named by out the objects of those of the floors given that have any.
function(loam_floor_objects out)
  set(objects)
  foreach(floor IN LISTS ARGN)
    string(REPLACE "/" "_" name ${floor})
    if(TARGET loam_floor_${name})
      list(APPEND objects $<TARGET_OBJECTS:loam_floor_${name}>)
    endif()
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()

foreach(floor IN LISTS LOAM_CORE_FLOORS LOAM_TOP_FLOORS LOAM_GC_FLOORS)
  loam_add_floor(${floor})
endforeach()

# A static library that carries the include directories and warnings of the project, from the floors given.
function(loam_add_floor_library name)
  loam_floor_objects(objects ${ARGN})
  if(objects)
    add_library(${name} STATIC ${objects})
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(${name} PUBLIC loam_flags)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE loam_flags)
  endif()
endfunction()

loam_add_floor_library(loam_core ${LOAM_CORE_FLOORS})
loam_add_floor_library(loam_tool_floors ${LOAM_TOOL_FLOORS})
# The collected heap as a library, for tests.
loam_add_floor_library(loam_gc_core lib/gc base sys)
