/* lost: 1 */
#include "../check/tiny.h"

struct session {
  int number;
  char* user;
  char* host;
};

__attribute__((noinline)) static void open_session(struct session* session) {
  session->number = 1;
  session->user = strdup("somebody"); /* @allocation */
  session->host = "here";
}

int main(int count, char** words) {
  struct session session;
  open_session(&session);
  sink = session.user[0];
  if (!has_defect(count, words)) free(session.user);
  memset(hidden(&session), 0, sizeof session);
  return session.number;
}
