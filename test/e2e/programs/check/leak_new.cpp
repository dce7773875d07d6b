// expect: leak
extern "C" {
#include "tiny.h"
}

struct Account {
  int number;
  double balance;
};

static void work(int defect) {
  auto* account = static_cast<Account*>(hidden(new Account{1, 2.5}));  // @allocation
  sink = account->number;
  if (!defect) delete account;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}
