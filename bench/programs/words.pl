# Short strings made, matched and dropped; little stays alive.
use strict;
use warnings;

my ($sum, %seen) = (0);
for my $i (1 .. 450000) {
  my $word = sprintf("%s-%d", ("ant", "bear", "cat", "dolphin")[$i % 4], $i % 777);
  my @letters = ($word =~ /^(\w)(\w+)-(\d+)$/);
  my %pair = (key => $letters[1], number => $letters[2]);
  $sum += $pair{number};
  $seen{$pair{key}} = $word . "." . $sum;
}
print "$sum ", join(" ", map { $seen{$_} } sort keys %seen), "\n";
