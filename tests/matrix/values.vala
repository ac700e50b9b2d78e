/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What C and Vala put and get in the matrix of values; see tests/js/test-matrix.js. */

const string NOTHING = "";
const string REFUSED = "refused";

/* What is put, and what is got where that is something else. */
struct Case
{
  string name;
  string value;
  string? got;
}

const Case[] CASES = {
  { "null", "@mv nothing" },
  { "booleans", "[<true>, <false>]" },
  { "integers", "[<int64 0>, <int64 1>, <int64 -1>, <int64 9007199254740991>]" },
  { "int64-limits", "[<int64 -9223372036854775808>, <int64 9223372036854775807>]" },
  { "uint64-limits", "[<uint64 9223372036854775808>, <uint64 18446744073709551615>]" },
  { "huge-integer", NOTHING, REFUSED },
  { "floats", "[<0.1>, <-2.5>, <1e300>, <2.5e-308>]" },
  { "whole-float", "1.0" },
  { "infinity", "inf" },
  { "minus-infinity", "-inf" },
  { "nan", "nan" },
  { "minus-zero", "-0.0" },
  { "strings", "[<''>, <'häß 😀'>, <'\"\\\\/\\u2028'>]" },
  { "nul", NOTHING, REFUSED },
  { "surrogate", NOTHING, REFUSED },
  { "bytes", "[byte 0x00, 0xff, 0x07]" },
  { "no-bytes", "@ay []" },
  { "bytes-inside", "{'data': <[<[byte 0x01]>]>}" },
  { "list", "[<int64 1>, <'two'>, <@mv nothing>, <[<3.5>]>]" },
  { "empty-list", "@av []" },
  { "dict", "{'a': <{'b': <[<true>]>}>, '': <int64 1>}" },
  { "empty-dict", "@a{sv} {}" },
  { "int-keys", "{int64 -5: <'five'>, 1152921504606846976: <[<int64 1>]>}" },
  { "tuple", "(<int64 1>, <(<'a'>, <()>)>)" },
  { "set", NOTHING, REFUSED },
  { "shared", "[<[<int64 1>]>, <[<int64 1>]>]" },
  { "recursive", NOTHING, REFUSED },
  { "deep", "nested" },
  { "deep-10000", NOTHING, REFUSED }
};

Variant nest (int depth)
{
  Variant value = (int64) 1;

  for (int i = 0; i < depth; i++)
    value = new Variant.array (VariantType.VARIANT, { new Variant.variant (value) });
  return value;
}

Variant make (string text) throws Error
{
  return text == "nested" ? nest (60) : Variant.parse (null, text);
}

void put () throws Error
{
  var values = (Mp.Queue) Mp.inherit ("values");

  foreach (var one in CASES) {
    if (one.value == NOTHING)
      continue;
    values.put (one.name);
    values.put (make (one.value));
  }
}

string check (Mp.Queue values, Case one) throws Error
{
  Variant value;

  try {
    value = values.get ();
  } catch (Mp.Error e) {
    values.get_message ();
    return one.got == REFUSED ? "" : e.message;
  }

  if (one.got == REFUSED)
    return "it is not refused";

  string got = value.print (true);
  string expected = make (one.value).print (true);
  return got == expected ? "" : @"$got is not $expected";
}

void get () throws Error
{
  var values = (Mp.Queue) Mp.inherit ("values");
  var results = (Mp.Queue) Mp.inherit ("results");

  try {
    while (true) {
      string name = (string) values.get ();
      foreach (var one in CASES) {
        if (one.name == name)
          results.put (new Variant ("(ss)", name, check (values, one)));
      }
    }
  } catch (Mp.Error.CLOSED e) {
    /* These were all. */
  }
}

int main (string[] args)
{
  try {
    if (args[1] == "put")
      put ();
    else
      get ();
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }

  return 0;
}
