map(select(.place.x > 300) | {name, tags: (.tags | length), sum: (.place.x + .place.y)})
| group_by(.name)
| map({name: .[0].name, total: map(.sum) | add, tags: map(.tags) | add})
