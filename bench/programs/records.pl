# Records parsed into hashes of arrays, grouped, sorted and printed again.
use strict;
use warnings;

my $state = 42;
sub number { $state = ($state * 1103515245 + 12345) % 2147483648; return $state; }

my %groups;
my $length = 0;
for my $round (1 .. 2) {
  for my $i (1 .. 70000) {
    my $line = join(",", "user" . (number() % 5000), "field$i", number() % 1000, "x" x ($i % 40));
    my ($user, $field, $value, $text) = split /,/, $line, -1;
    push @{ $groups{$user} }, { field => $field, value => $value, text => $text };
  }
  for my $user (sort keys %groups) {
    my @records = sort { $a->{value} <=> $b->{value} or $a->{field} cmp $b->{field} } @{ $groups{$user} };
    my $report = join(";", map { "$_->{field}=$_->{value}" } @records);
    $report =~ s/field(\d+)/f$1/g;
    $length += length $report;
    splice @records, 20;
    $groups{$user} = \@records;
  }
}
print "$length ", scalar(keys %groups), "\n";
