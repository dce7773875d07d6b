/* Counts the words of a text. The table grows by copying, and the old one is forgotten; a list of what was seen is lost as a whole.
   gcc -g leak.c -o leak */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
  struct seen* next;
  char word[24];
};

static char** words;
static int count;

static void grow(void) {
  char** larger = malloc((count + 4) * sizeof *larger);
  if (count > 0) memcpy(larger, words, count * sizeof *larger);
  words = larger;
}

static void remember(struct seen** list, const char* word) {
  struct seen* entry = malloc(sizeof *entry);
  entry->next = *list;
  strcpy(entry->word, word);
  *list = entry;
}

static int count_words(char* text) {
  struct seen* list = NULL;
  for (char* word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
    if (count % 4 == 0) grow();
    words[count++] = word;
    remember(&list, word);
  }
  return count;
}

int main(void) {
  char text[] = "a leak is memory that nobody can reach any more and nobody gives back";
  printf("%d words\n", count_words(text));
  return 0;
}
