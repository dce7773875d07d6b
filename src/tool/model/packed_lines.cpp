#include "tool/model/packed_lines.hpp"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 16;
// Names of templates are long; nothing in such a file is longer.
constexpr std::size_t kLongestLine = std::size_t{1} << 24;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

}  // namespace

// Reads what is not packed as it is.
struct PackedLines::Gzip {
  gzFile file;
  explicit Gzip(const std::string& path) : file(gzopen(path.c_str(), "rbe")) {}
  ~Gzip() { gzclose(file); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  std::size_t read(char* out, std::size_t bytes, std::string& damage) const {
    const int got = gzread(file, out, static_cast<unsigned>(bytes));
    int error = Z_OK;
    const char* why = gzerror(file, &error);
    if (got < 0 || error != Z_OK) damage = error == Z_BUF_ERROR ? "it is cut off" : why;
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
};

struct PackedLines::Zstd {
  File file;
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::array<char, kPiece> packed{};
  ZSTD_inBuffer in{packed.data(), 0, 0};
  bool inside = false;  // of a frame
  explicit Zstd(File opened) : file(std::move(opened)) {
    if (context == nullptr) throw Failure(kExitFailure, "not enough memory to unpack");
  }
  ~Zstd() { ZSTD_freeDCtx(context); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  std::size_t read(char* out, std::size_t bytes, std::string& damage) {
    ZSTD_outBuffer to{out, bytes, 0};
    while (to.pos == 0) {
      if (in.pos == in.size) in = {packed.data(), std::fread(packed.data(), 1, packed.size(), file.get()), 0};
      const bool at_end = in.size == 0;
      if (at_end && !inside) return 0;
      const std::size_t left = ZSTD_decompressStream(context, &to, &in);
      if (ZSTD_isError(left) != 0) {
        damage = ZSTD_getErrorName(left);
        return 0;
      }
      inside = left != 0;
      if (at_end && to.pos == 0) {
        damage = "it is cut off";
        return 0;
      }
    }
    return to.pos;
  }
};

PackedLines::PackedLines(const std::string& path) : path_(path) { rewind(); }
PackedLines::~PackedLines() = default;

void PackedLines::rewind() {
  File file(std::fopen(path_.c_str(), "rbe"));
  if (file == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot read {}: {}", path_, error_text(errno)));
  std::array<unsigned char, 4> magic{};
  const bool is_zstd = std::fread(magic.data(), 1, magic.size(), file.get()) == magic.size() &&
                       magic == std::array<unsigned char, 4>{0x28, 0xb5, 0x2f, 0xfd};
  std::rewind(file.get());
  gzip_.reset();
  zstd_.reset();
  if (is_zstd)
    zstd_ = std::make_unique<Zstd>(std::move(file));
  else
    gzip_ = std::make_unique<Gzip>(path_);
  if (gzip_ && gzip_->file == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot read {}: {}", path_, error_text(errno)));
  text_.clear();
  at_ = 0;
  ended_ = false;
  damage_.clear();
}

bool PackedLines::next(std::string_view& line) {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = text_.find('\n', at_ + searched);
    if (end != std::string::npos) {
      line = std::string_view(text_).substr(at_, end - at_);
      at_ = end + 1;
      return true;
    }
    searched = text_.size() - at_;
    if (searched > kLongestLine) damage_ = "a line has no end";
    if (damage_.empty() && fill()) continue;
    // What stands behind the last end of a line is a line if the file is whole.
    if (!damage_.empty() || searched == 0) return false;
    line = std::string_view(text_).substr(at_);
    at_ = text_.size();
    return true;
  }
}

bool PackedLines::fill() {
  if (ended_) return false;
  text_.erase(0, at_);
  at_ = 0;
  const std::size_t before = text_.size();
  text_.resize(before + kPiece);
  const std::size_t got = zstd_ ? zstd_->read(text_.data() + before, kPiece, damage_)
                                : gzip_->read(text_.data() + before, kPiece, damage_);
  text_.resize(before + got);
  ended_ = got == 0;
  return got > 0;
}

}  // namespace loam::tool
