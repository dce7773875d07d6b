#include "tool/render/report_columns.hpp"

#include <zlib.h>

#include "tool/model/failure.hpp"

namespace loam::tool {

void ReportColumns::note(const std::string& name, const char* kind, std::size_t count, std::size_t bytes) {
  index_.push_back({{"name", name}, {"kind", kind}, {"count", count}, {"bytes", bytes}});
}

void ReportColumns::bytes(const std::string& name, const std::vector<std::uint8_t>& values) {
  data_.append(values.begin(), values.end());
  note(name, "bytes", values.size(), values.size());
}

void ReportColumns::numbers(const std::string& name, const std::vector<std::uint64_t>& values) {
  const std::size_t before = data_.size();
  for (std::uint64_t value : values) {
    for (; value >= 0x80; value >>= 7U) data_.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
    data_.push_back(static_cast<char>(value));
  }
  note(name, "numbers", values.size(), data_.size() - before);
}

std::string ReportColumns::text(Json head) const {
  head["columns"] = index_;
  const std::string json = head.text();
  std::string whole;
  for (unsigned shift = 0; shift < 32; shift += 8) whole.push_back(static_cast<char>(json.size() >> shift));
  whole += json;
  whole += data_;
  uLongf length = compressBound(static_cast<uLong>(whole.size()));
  std::string packed(length, '\0');
  const int result =
      compress2(reinterpret_cast<Bytef*>(packed.data()), &length,
                reinterpret_cast<const Bytef*>(whole.data()), static_cast<uLong>(whole.size()), 6);
  if (result != Z_OK) throw Failure(kExitFailure, "the data of the report could not be compressed");
  packed.resize(length);
  return base64(packed);
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8U) | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(k <= have ? kDigits[(group >> (18 - 6 * k)) & 63U] : '=');
    }
  }
  return out;
}

}  // namespace loam::tool
