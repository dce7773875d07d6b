/* Uses in C; dangling.h says what is wanted of them. */
#include "dangling.h"

static void chase(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block chase */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->next->number;
}

static void chase_twice(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block chase_twice */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = (long)((struct item*)hidden(item))->next->next->name;
}

static void chase_and_write(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block chase_and_write */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  ((struct item*)hidden(item))->next->number = 5;
}

static void call_pointer(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block call_pointer */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->call(4);
}

static void member_string(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block member_string */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = (long)strlen(((struct item*)hidden(item))->name);
}

static void member_copied(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block member_copied */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  char copy[8];
  memcpy(copy, ((struct item*)hidden(item))->name, 5);
  sink = copy[1];
}

static void member_compared(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block member_compared */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = strcmp(((struct item*)hidden(item))->name, "name");
}

static void member_printed(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block member_printed */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  printf("%s\n", ((struct item*)hidden(item))->name);
}

static void member_freed(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block member_freed */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  free(((struct item*)hidden(item))->name);
}

static void member_resized(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block member_resized */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = (long)realloc(((struct item*)hidden(item))->name, 100);
}

static void index_small(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block index_small */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->numbers[3];
}

static void index_large(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block index_large */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->numbers[1000];
}

static void index_larger(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block index_larger */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->numbers[4321];
}

static void index_negative(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block index_negative */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->numbers[-3];
}

static void index_far_back(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block index_far_back */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  sink = ((struct item*)hidden(item))->numbers[-900];
}

static void index_write(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block index_write */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  ((struct item*)hidden(item))->numbers[40] = 7;
}

static void add_atomically(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block add_atomically */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  __atomic_add_fetch(&((struct item*)hidden(item))->next->number, 1, __ATOMIC_RELAXED);
}

static void vector_move(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block vector_move */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  const char* from = ((struct item*)hidden(item))->name;
  char copy[16];
  __builtin_memcpy(copy, hidden((char*)from), 16);
  sink = copy[3];
}

static void write_number(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block write_number */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  ((struct item*)hidden(item))->number = 9;
}

static void write_text(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block write_text */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  strcpy(((struct item*)hidden(item))->text, "something else");
}

static void write_all(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block write_all */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  memset(hidden(item), 0, sizeof *item);
}

static void write_pointer(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block write_pointer */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  ((struct item*)hidden(item))->next = (struct item*)&sink;
}

static void walk_list(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block walk_list */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  long sum = 0;
  for (struct item* at = hidden(item); at != NULL; at = at->next) sum += at->number;
  sink = sum;
}

static void write_late(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block write_late */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  for (int i = 0; i < 2000; ++i) free(like(sizeof *item));
  ((struct item*)hidden(item))->number = 3;
}

static void chase_late(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block chase_late */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  for (int i = 0; i < 2000; ++i) free(like(sizeof *item));
  sink = ((struct item*)hidden(item))->next->number;
}

static void read_dead_page(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block read_dead_page */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  let_page_die(sizeof *item, item);
  sink = ((volatile struct item*)hidden(item))->number;
}

static void copy_dead_page(void) {
  surround(sizeof(struct item));
  struct item* item = NULL;
  for (int i = 0; i < turns; ++i) item = keep(malloc(sizeof *item)); /* @block copy_dead_page */
  surround(sizeof(struct item));
  static struct item last;
  static char name[] = "name";
  static int numbers[5000];
  *item = (struct item){&last, name, twice, 1, numbers, "text"};
  free(item);
  forget(item);
  let_page_die(sizeof *item, item);
  struct item copy;
  memcpy(&copy, hidden(item), sizeof copy);
  sink = copy.number;
}

static void text_written(void) {
  surround(40);
  char* text = NULL;
  for (int i = 0; i < turns; ++i) text = keep(malloc(40)); /* @block text_written */
  surround(40);
  strcpy(text, "a text");
  free(text);
  forget(text);
  strcpy(hidden(text), "another text");
}

static void text_appended(void) {
  surround(200);
  char* text = NULL;
  for (int i = 0; i < turns; ++i) text = keep(malloc(200)); /* @block text_appended */
  surround(200);
  strcpy(text, "a text");
  free(text);
  forget(text);
  strcat(hidden(text), "more");
}

static void text_dead_page(void) {
  surround(33);
  char* text = NULL;
  for (int i = 0; i < turns; ++i) text = keep(malloc(33)); /* @block text_dead_page */
  surround(33);
  strcpy(text, "a text");
  free(text);
  forget(text);
  let_page_die(33, text);
  sink = (long)strlen(hidden(text));
}

static void numbers_written(void) {
  surround(100 * sizeof(int));
  int* numbers = NULL;
  for (int i = 0; i < turns; ++i) numbers = keep(calloc(1, 100 * sizeof(int))); /* @block numbers_written */
  surround(100 * sizeof(int));
  free(numbers);
  forget(numbers);
  ((int*)hidden(numbers))[77] = 4;
}

static void table_chased(void) {
  surround(20 * sizeof(char*));
  char** table = NULL;
  for (int i = 0; i < turns; ++i) table = keep(malloc(20 * sizeof(char*))); /* @block table_chased */
  surround(20 * sizeof(char*));
  static char text[] = "text";
  for (int i = 0; i < 20; ++i) table[i] = text;
  free(table);
  forget(table);
  sink = *((char**)hidden(table))[7];
}

static void moved_written(void) {
  surround(200);
  int* numbers = NULL;
  for (int i = 0; i < turns; ++i) numbers = keep(malloc(200)); /* @block moved_written */
  surround(200);
  int* more = realloc(numbers, 800);
  forget(numbers);
  ((int*)hidden(numbers))[5] = 4;
  free(more);
}

static void moved_chased(void) {
  surround(100);
  char** table = NULL;
  for (int i = 0; i < turns; ++i) table = keep(malloc(100)); /* @block moved_chased */
  surround(100);
  static char text[] = "text";
  for (int i = 0; i < 10; ++i) table[i] = text;
  char** more = realloc(table, 800);
  forget(table);
  sink = *((char**)hidden(table))[2];
  free(more);
}

static void large_read(void) {
  surround(100000);
  char* text = NULL;
  for (int i = 0; i < turns; ++i) text = keep(malloc(100000)); /* @block large_read */
  surround(100000);
  free(text);
  forget(text);
  sink = ((volatile char*)hidden(text))[70000];
}

static void aligned_written(void) {
  surround(192);
  char* text = NULL;
  for (int i = 0; i < turns; ++i) text = keep(aligned_alloc(64, 192)); /* @block aligned_written */
  surround(192);
  free(text);
  forget(text);
  ((char*)hidden(text))[100] = 4;
}

static const struct use uses[] = {{"chase", chase},
                                  {"chase_twice", chase_twice},
                                  {"chase_and_write", chase_and_write},
                                  {"call_pointer", call_pointer},
                                  {"member_string", member_string},
                                  {"member_copied", member_copied},
                                  {"member_compared", member_compared},
                                  {"member_printed", member_printed},
                                  {"member_freed", member_freed},
                                  {"member_resized", member_resized},
                                  {"index_small", index_small},
                                  {"index_large", index_large},
                                  {"index_larger", index_larger},
                                  {"index_negative", index_negative},
                                  {"index_far_back", index_far_back},
                                  {"index_write", index_write},
                                  {"add_atomically", add_atomically},
                                  {"vector_move", vector_move},
                                  {"write_number", write_number},
                                  {"write_text", write_text},
                                  {"write_all", write_all},
                                  {"write_pointer", write_pointer},
                                  {"walk_list", walk_list},
                                  {"write_late", write_late},
                                  {"chase_late", chase_late},
                                  {"read_dead_page", read_dead_page},
                                  {"copy_dead_page", copy_dead_page},
                                  {"text_written", text_written},
                                  {"text_appended", text_appended},
                                  {"text_dead_page", text_dead_page},
                                  {"numbers_written", numbers_written},
                                  {"table_chased", table_chased},
                                  {"moved_written", moved_written},
                                  {"moved_chased", moved_chased},
                                  {"large_read", large_read},
                                  {"aligned_written", aligned_written}};

int main(int words, char** word) { return run(uses, sizeof uses / sizeof *uses, words, word); }
