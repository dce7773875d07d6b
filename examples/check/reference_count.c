/* An object that counts who holds it, and goes with the last. One holder lets go twice, so that it is gone while the other
   still reads it.
   gcc -g reference_count.c -o reference_count */
#include <stdio.h>
#include <stdlib.h>

struct image {
  int references;
  int width;
  int height;
};

static struct image* image_new(int width, int height) {
  struct image* image = malloc(sizeof *image);
  image->references = 1;
  image->width = width;
  image->height = height;
  return image;
}

static struct image* image_hold(struct image* image) {
  ++image->references;
  return image;
}

static void image_release(struct image* image) {
  if (--image->references == 0) free(image);
}

int main(void) {
  struct image* drawn = image_new(640, 480);
  struct image* cached = image_hold(drawn);
  image_release(cached);
  image_release(cached); /* once too often */
  printf("%d x %d\n", drawn->width, drawn->height);
  return 0;
}
