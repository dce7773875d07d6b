# The flags of every target (loam_flags) and of whatever becomes part of a program's process (loam_runtime_flags).

add_library(loam_flags INTERFACE)
target_include_directories(loam_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_compile_options(loam_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion -Wformat=2 -Wundef -Wvla
  -Wimplicit-fallthrough -Wcast-align -Wwrite-strings
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast -Wextra-semi>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${LOAM_WERROR}>:-Werror>)

# GCC 12 warns of overlapping copies inside std::string (GCC bug 105329, fixed in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(loam_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()

# Under clang, std::stable_sort of libstdc++ 12 warns of its own use of get_temporary_buffer. GCC keeps the warning.
target_compile_options(loam_flags INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-deprecated-declarations>)

# Debug symbols always: a crash report of a release build must name lines. A target that needs no more than lines sets
# LOAM_DEBUG_LEVEL to 1.
target_compile_options(loam_flags INTERFACE -g$<TARGET_PROPERTY:LOAM_DEBUG_LEVEL>)

if(LOAM_SANITIZE)
  target_compile_options(loam_flags INTERFACE
    -fsanitize=${LOAM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(loam_flags INTERFACE -fsanitize=${LOAM_SANITIZE})
  # The runtime has no RTTI: what a test calls of it through a vtable has no type that could be looked at.
  if(LOAM_SANITIZE STREQUAL "undefined")
    target_compile_options(loam_flags INTERFACE -fno-sanitize=vptr)
  endif()
endif()
if(LOAM_COVERAGE)
  target_compile_options(loam_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(loam_flags INTERFACE --coverage)
endif()

# No exceptions, no RTTI, no guarded statics: the runtime has no C++ library to call for them. The compiler must not
# treat the allocation functions as built-ins: it would turn our own calloc into a call of calloc. initial-exec keeps
# the thread's heap one load away from the thread pointer, and __tls_get_addr (which allocates) out of malloc.
add_library(loam_runtime_flags INTERFACE)
target_link_libraries(loam_runtime_flags INTERFACE loam_flags)
target_compile_options(loam_runtime_flags INTERFACE
  -fPIC -ftls-model=initial-exec -fvisibility=hidden
  -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
  -fno-builtin-aligned_alloc -fno-builtin-memalign -fno-builtin-posix_memalign
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility-inlines-hidden>)

# Compiles the source files of a target in so many groups, each as if it were one file: they share what they include and instantiate, a
# third of the time. The name of a file chooses its group, so that a new one disturbs no other group; names in two files' unnamed namespaces
# may not clash within a group. Only in a Release build, where nobody steps through it or looks for what a file forgot to include:
# the other builds compile each file alone.
function(loam_join_files target groups)
  if(NOT LOAM_JOIN_FILES OR NOT CMAKE_BUILD_TYPE STREQUAL "Release" OR LOAM_SANITIZE OR CMAKE_DISABLE_PRECOMPILE_HEADERS)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME)
    string(MD5 hash ${name})
    string(SUBSTRING ${hash} 0 6 hash)
    math(EXPR group "0x${hash} % ${groups}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${target}_${group})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # GCC takes a joined file for a header, in which a type without a name beyond its file would be a mistake.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()
