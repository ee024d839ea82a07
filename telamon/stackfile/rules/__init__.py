"""Rules that span several values, in the order in which they are applied.

Each is a function of the whole stack that yields what it finds; its name reaches the user. None relies on another: each
reads the valid stack, and says in ``also`` what else its finding depends on.
"""

from __future__ import annotations

from typing import Final

from telamon.stackfile.findings import Rule
from telamon.stackfile.rules.addresses import (
    base_url_agrees,
    base_url_in_domain,
    front_ports_differ,
    products_do_not_share_an_address,
)
from telamon.stackfile.rules.apps import (
    app_database_has_a_place,
    app_is_in_a_cluster,
    app_is_known,
    app_port_is_free,
)
from telamon.stackfile.rules.clones import (
    clone_is_another_stack,
    clone_is_in_the_lab,
    cloned_product_is_in_the_stack,
)
from telamon.stackfile.rules.lists import (
    existing_volume_is_named_once,
    homes_taken_over_have_nodes,
    mount_path_is_free,
    names_are_unique,
    patch_has_its_value,
    ports_differ,
    volume_has_one_source,
)
from telamon.stackfile.rules.maintenance import time_zone_is_known
from telamon.stackfile.rules.platforms import (
    backup_is_kept_for_more_than_one,
    destination_is_named,
    machines_follow,
    node_group_is_what_it_is_called,
    nodes_have_machines,
    part_fits_platform,
    proxy_asks_for_no_password,
    shared_home_is_named,
    tls_is_named,
    what_is_taken_over_is_in_a_cluster,
)
from telamon.stackfile.rules.products import (
    access_names_a_product,
    companion_is_known,
    component_name_is_free,
    drills_name_a_product,
    external_companion_is_replaceable,
    heap_fits_memory,
    heap_is_set_once,
    nodes_within_limit,
    object_store_is_entered_one_way,
    object_store_is_supported,
    object_store_is_told_once,
    product_is_known,
    product_rules_hold,
    version_is_named,
)
from telamon.stackfile.rules.profiles import (
    profile_command_holds_no_secret,
    profile_image_is_named,
    profile_index_has_a_home,
    profile_placeholder_is_known,
    profile_port_is_named,
    profile_tells_running,
)

RULES: Final[tuple[Rule, ...]] = (
    product_is_known,
    component_name_is_free,
    version_is_named,
    nodes_within_limit,
    companion_is_known,
    external_companion_is_replaceable,
    object_store_is_supported,
    object_store_is_entered_one_way,
    object_store_is_told_once,
    app_is_known,
    app_is_in_a_cluster,
    app_port_is_free,
    app_database_has_a_place,
    heap_fits_memory,
    heap_is_set_once,
    access_names_a_product,
    drills_name_a_product,
    base_url_in_domain,
    base_url_agrees,
    products_do_not_share_an_address,
    front_ports_differ,
    part_fits_platform,
    machines_follow,
    node_group_is_what_it_is_called,
    nodes_have_machines,
    shared_home_is_named,
    tls_is_named,
    destination_is_named,
    backup_is_kept_for_more_than_one,
    proxy_asks_for_no_password,
    time_zone_is_known,
    clone_is_another_stack,
    clone_is_in_the_lab,
    cloned_product_is_in_the_stack,
    names_are_unique,
    volume_has_one_source,
    existing_volume_is_named_once,
    homes_taken_over_have_nodes,
    what_is_taken_over_is_in_a_cluster,
    mount_path_is_free,
    patch_has_its_value,
    ports_differ,
    profile_port_is_named,
    profile_placeholder_is_known,
    profile_command_holds_no_secret,
    profile_index_has_a_home,
    profile_tells_running,
    profile_image_is_named,
    product_rules_hold,
)
