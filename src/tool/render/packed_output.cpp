#include "tool/render/packed_output.hpp"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kPacked = std::size_t{1} << 16;
constexpr int kGzipLevel = 6;
constexpr int kZstdLevel = 3;

}  // namespace

struct PackedOutput::Gzip {
  z_stream stream{};
  Gzip() {
    // 16 more than the largest window means gzip's head, in which no time stands: the same input gives the same file.
    if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw Failure(kExitFailure, "not enough memory to compress");
  }
  ~Gzip() { deflateEnd(&stream); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
};

struct PackedOutput::Zstd {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Zstd() {
    if (context == nullptr) throw Failure(kExitFailure, "not enough memory to compress");
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  }
  ~Zstd() { ZSTD_freeCCtx(context); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
};

Packing packing_for(const std::string& path) {
  if (path.ends_with(".gz")) return Packing::kGzip;
  return path.ends_with(".zst") ? Packing::kZstd : Packing::kNone;
}

PackedOutput::PackedOutput(const std::string& path, Packing packing)
    : path_(path.empty() ? "standard output" : path),
      file_(path.empty() ? stdout : std::fopen(path.c_str(), "wbe")) {
  if (file_ == nullptr) fail();
  if (packing == Packing::kGzip) gzip_ = std::make_unique<Gzip>();
  if (packing == Packing::kZstd) zstd_ = std::make_unique<Zstd>();
}

PackedOutput::~PackedOutput() {
  if (file_ != stdout && file_ != nullptr) std::fclose(file_);
}

void PackedOutput::write(std::string_view text) {
  waiting_ += text;
  if (waiting_.size() >= kPacked) flush(false);
}

void PackedOutput::finish() {
  flush(true);
  if (std::fflush(file_) != 0) fail();
}

void PackedOutput::flush(bool end) {
  std::array<char, kPacked> packed{};
  if (gzip_) {
    z_stream& stream = gzip_->stream;
    stream.next_in = reinterpret_cast<Bytef*>(waiting_.data());
    stream.avail_in = static_cast<uInt>(waiting_.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(packed.size());
      deflate(&stream, end ? Z_FINISH : Z_NO_FLUSH);
      put(packed.data(), packed.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  } else if (zstd_) {
    ZSTD_inBuffer in{waiting_.data(), waiting_.size(), 0};
    for (bool more = true; more;) {
      ZSTD_outBuffer out{packed.data(), packed.size(), 0};
      const std::size_t left =
          ZSTD_compressStream2(zstd_->context, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) throw Failure(kExitFailure, "the output cannot be compressed");
      put(packed.data(), out.pos);
      more = end ? left != 0 : in.pos < in.size;
    }
  } else {
    put(waiting_.data(), waiting_.size());
  }
  waiting_.clear();
}

void PackedOutput::put(const char* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_) != bytes) fail();
}

void PackedOutput::fail() const {
  throw Failure(kExitFailure, fmt::format("cannot write {}: {}", path_, error_text(errno)));
}

}  // namespace loam::tool
