# Hashes, arrays, sorting, regular expressions, closures and string building; prints digests of the results.
use strict;
use warnings;
my $state = 12345;
sub rnd { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % $_[0]; }
my (%count, %by_length, @lines);
for my $i (1 .. 60000) {
  my $word = join '', map { chr(97 + rnd(26)) } 1 .. 2 + rnd(9);
  $count{$word}++;
  push @{$by_length{length $word}}, $word;
  push @lines, "$i: $word " x (1 + rnd(4)) if $i % 3 == 0;
}
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "distinct ", scalar(@sorted), " first $sorted[0] last $sorted[-1]\n";
print "length $_: ", scalar(@{$by_length{$_}}), "\n" for sort { $a <=> $b } keys %by_length;
my $text = join "\n", @lines;
my $vowels = () = $text =~ /[aeiou]{2,}/g;
(my $upper = $text) =~ s/\b(\w)(\w*)/\U$1\E$2/g;
my $sum = 0;
$sum = ($sum * 31 + ord) % 1000000007 for split //, substr($upper, 0, 300000);
print "text ", length($text), " vowels $vowels digest $sum\n";
my @closures = map { my $n = $_; sub { $n + $_[0] } } 1 .. 20000;
my $total = 0;
$total += $_->(1) for @closures;
print "closures $total\n";
my $grown = '';
$grown .= "$_," for 1 .. 100000;
print "grown ", length $grown, "\n";
undef @lines;
my %nested;
$nested{rnd(50)}{rnd(50)}{$_} = [1 .. rnd(6)] for 1 .. 30000;
my $leaves = 0;
for my $a (values %nested) { for my $b (values %$a) { $leaves += @$_ for values %$b } }
print "nested $leaves\n";
