"""Understudy of a git server: the operational contract of Bitbucket Data Center, without the product.

Repositories are real bare git repositories in the shared home and every git operation is run by git itself;
what people and pull requests are is in PostgreSQL. Several nodes serve the same repositories at the same time.

Modules, lowest first:

* :mod:`understudy.bitbucket.errors`, :mod:`understudy.bitbucket.settings` - refusals; the environment;
* :mod:`understudy.bitbucket.schema` - tables;
* :mod:`understudy.bitbucket.git`, :mod:`understudy.bitbucket.reading` - bounded git processes; what they say;
* :mod:`understudy.bitbucket.permissions`, :mod:`understudy.bitbucket.projects` - who may do what; projects and
  repositories;
* :mod:`understudy.bitbucket.refs` - brings the database in step with the refs of a repository;
* :mod:`understudy.bitbucket.pulls`, :mod:`understudy.bitbucket.merging` - pull requests;
* :mod:`understudy.bitbucket.pktline`, :mod:`understudy.bitbucket.hosting` - a push or fetch, whatever carries it;
* :mod:`understudy.bitbucket.http_git`, :mod:`understudy.bitbucket.ssh` - git over HTTP and over SSH;
* :mod:`understudy.bitbucket.companion`, :mod:`understudy.bitbucket.indexing` - code search;
* :mod:`understudy.bitbucket.maintenance`, :mod:`understudy.bitbucket.rolling` - lock and backup; rolling upgrade;
* ``rest_*``, :mod:`understudy.bitbucket.pages` - routes;
* :mod:`understudy.bitbucket.node` - everything put together.

How an acknowledged push survives ``kill -9``: objects and refs are synced to disk by git (``core.fsync=all``);
before git hears of a push, a row says that it may come (``push_intent``); after git has moved the refs, one
transaction records what moved and drops that row; only then the client is told. A node that dies in between
leaves the row, and any node finishes the work from what the repository says. So a row never names a commit that
is not there, and a moved ref is never without its row for long.
"""
