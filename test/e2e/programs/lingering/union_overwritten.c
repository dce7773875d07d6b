/* lost: 1 */
#include "../check/tiny.h"

union value {
  char* text;
  double number;
};

__attribute__((noinline)) static void set_text(union value* value) {
  value->text = strdup("a text in a union"); /* @allocation */
}
__attribute__((noinline)) static void set_number(union value* value) { value->number = 1.5; }

int main(int count, char** words) {
  union value value;
  set_text(&value);
  sink = value.text[0];
  if (!has_defect(count, words)) free(value.text);
  set_number(&value);
  return value.number == 0;
}
