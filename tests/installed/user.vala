/* SPDX-License-Identifier: LGPL-2.1-or-later */

int main ()
{
  Error error = new Mp.Error.EMPTY ("nothing there");
  print ("%s\n", error.message);
  return 0;
}
