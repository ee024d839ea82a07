import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.CheckIndex;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.StoredFields;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.DocIdSetIterator;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.util.Bits;

/**
 * A node that keeps a Lucene index, and a judge of such an index: the counterpart of node.py, with the library that the
 * products use. The operations are those of content.py.
 *
 * <p>{@code follow HOME SEED BATCH COMMITS} applies operations, with a commit and a note after each batch. {@code judge}
 * reads folders from its input, one a line; for each it answers with the documents, a line {@code key<TAB>value} each,
 * then a line {@code ok}, or with one line {@code torn} and what is wrong.
 */
public final class LuceneNode {
  private static final int KEYS = 400;
  private static final int DELETED_BELOW = 50;
  private static final String MARK = "@mark";
  private static final int BUFFERED = 20;

  private LuceneNode() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("judge")) {
      judgeAll();
    } else {
      Path home = Path.of(arguments[1]);
      follow(home, arguments[2], Integer.parseInt(arguments[3]), Integer.parseInt(arguments[4]));
    }
  }

  private static void follow(Path home, String seed, int batch, int commits) throws Exception {
    Path folder = Files.createDirectories(home.resolve("index").resolve("main"));
    IndexWriterConfig config = new IndexWriterConfig(new StandardAnalyzer());
    // Small segments, so that merges go on all the time; compound files in every other life.
    config.setMaxBufferedDocs(BUFFERED).setUseCompoundFile(batch % 2 == 0);
    try (Directory directory = FSDirectory.open(folder);
        IndexWriter writer = new IndexWriter(directory, config)) {
      int mark = markOf(writer);
      for (int commit = 0; commit < commits; commit++) {
        for (int number = mark + 1; number <= mark + batch; number++) {
          apply(writer, seed, number);
        }
        mark += batch;
        put(writer, MARK, Integer.toString(mark));
        writer.commit();
        note(home, mark);
      }
    }
  }

  private static int markOf(IndexWriter writer) throws IOException {
    try (DirectoryReader reader = DirectoryReader.open(writer)) {
      for (LeafReaderContext leaf : reader.leaves()) {
        var found = leaf.reader().postings(new Term("key", MARK));
        Bits living = leaf.reader().getLiveDocs();
        while (found != null && found.nextDoc() != DocIdSetIterator.NO_MORE_DOCS) {
          if (living == null || living.get(found.docID())) {
            return Integer.parseInt(leaf.reader().storedFields().document(found.docID()).get("value"));
          }
        }
      }
      return 0;
    }
  }

  private static void apply(IndexWriter writer, String seed, int number) throws Exception {
    byte[] named = (seed + ":" + number).getBytes(StandardCharsets.US_ASCII);
    byte[] digest = Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(named), 16);
    String key = "k" + Integer.remainderUnsigned(ByteBuffer.wrap(digest).getInt(), KEYS);
    if (Byte.toUnsignedInt(digest[4]) < DELETED_BELOW) {
      writer.deleteDocuments(new Term("key", key));
      return;
    }
    int times = 1 + Byte.toUnsignedInt(digest[5]) % 20;
    put(writer, key, number + " " + HexFormat.of().formatHex(digest).repeat(times));
  }

  private static void put(IndexWriter writer, String key, String value) throws IOException {
    Document document = new Document();
    document.add(new StringField("key", key, Field.Store.YES));
    document.add(new StoredField("value", value));
    writer.updateDocument(new Term("key", key), document);
  }

  /** After the commit, so that the note is never newer than the index. */
  private static void note(Path home, int mark) throws IOException {
    Path fresh = home.resolve("position.fresh");
    try (FileChannel file =
        FileChannel.open(
            fresh,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      file.write(ByteBuffer.wrap(Integer.toString(mark).getBytes(StandardCharsets.US_ASCII)));
      file.force(true);
    }
    Files.move(fresh, home.resolve("position"), StandardCopyOption.ATOMIC_MOVE);
  }

  private static void judgeAll() throws IOException {
    BufferedReader asked = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = asked.readLine(); line != null; line = asked.readLine()) {
      String answer;
      try {
        answer = judge(Path.of(line));
      } catch (IOException | RuntimeException error) {
        answer = "torn " + inOneLine(String.valueOf(error));
      }
      System.out.print(answer);
      System.out.flush();
    }
  }

  private static String judge(Path folder) throws IOException {
    try (Directory directory = FSDirectory.open(folder)) {
      ByteArrayOutputStream told = new ByteArrayOutputStream();
      try (CheckIndex check = new CheckIndex(directory)) {
        check.setInfoStream(new PrintStream(told, true, StandardCharsets.UTF_8));
        if (!check.checkIndex().clean) {
          String words = told.toString(StandardCharsets.UTF_8);
          return "torn " + inOneLine(words.substring(Math.max(0, words.length() - 600)));
        }
      }
      return documents(directory) + "ok\n";
    }
  }

  private static String inOneLine(String words) {
    return words.replaceAll("\\s+", " ") + "\n";
  }

  private static String documents(Directory directory) throws IOException {
    StringBuilder found = new StringBuilder();
    try (DirectoryReader reader = DirectoryReader.open(directory)) {
      for (LeafReaderContext leaf : reader.leaves()) {
        Bits living = leaf.reader().getLiveDocs();
        StoredFields stored = leaf.reader().storedFields();
        for (int number = 0; number < leaf.reader().maxDoc(); number++) {
          if (living == null || living.get(number)) {
            Document document = stored.document(number);
            found.append(document.get("key")).append('\t').append(document.get("value")).append('\n');
          }
        }
      }
    }
    return found.toString();
  }
}
