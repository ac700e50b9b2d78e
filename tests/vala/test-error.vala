/* SPDX-License-Identifier: LGPL-2.1-or-later */

void test_catch_by_code ()
{
  Mp.Error error = new Mp.Error.EMPTY ("nothing there");

  try {
    throw error;
  } catch (Mp.Error.EMPTY e) {
    assert (e.message == "nothing there");
  } catch (Mp.Error e) {
    Test.fail ();
  }
}

int main (string[] args)
{
  Test.init (ref args);
  Test.add_func ("/vala/error/catch-by-code", test_catch_by_code);
  return Test.run ();
}
