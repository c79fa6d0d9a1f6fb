package core_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// declared returns what the packages below core declare: names, and names with
// the type in front that they belong to.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	add := func(owner, name string) {
		names[name] = true
		names[owner+"."+name] = true
	}
	fields := func(owner string, list *ast.FieldList) {
		for _, field := range list.List {
			for _, name := range field.Names {
				add(owner, name.Name)
			}
		}
	}
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.FuncDecl:
				add(cmp.Or(receiver(n), file.Name.Name), n.Name.Name)
			case *ast.TypeSpec:
				add(file.Name.Name, n.Name.Name)
				switch kind := n.Type.(type) {
				case *ast.StructType:
					fields(n.Name.Name, kind.Fields)
				case *ast.InterfaceType:
					fields(n.Name.Name, kind.Methods)
				}
			case *ast.ValueSpec:
				for _, name := range n.Names {
					add(file.Name.Name, name.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatalf("reading the sources: %v", err)
	}
	return names
}

// receiver returns the name of the type that a function is a method of, or
// nothing.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	kind := f.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	if generic, ok := kind.(*ast.IndexExpr); ok {
		kind = generic.X
	}
	name, _ := kind.(*ast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

// Every name and every file in ARCHITECTURE.md is there.
func TestArchitectureNames(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatalf("ARCHITECTURE.md: %v", err)
	}
	names := declared(t)
	text := string(page)
	// In the drawings, what looks like a method or a field is one.
	drawn := regexp.MustCompile("(?s)```.*?```")
	var all []string
	for _, drawing := range drawn.FindAllString(text, -1) {
		all = append(all, regexp.MustCompile(`\b[A-Za-z]\w*\.[A-Za-z]\w*\b`).FindAllString(drawing, -1)...)
	}
	text = drawn.ReplaceAllString(text, "")
	for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, quoted[1])
	}
	found := 0
	for _, name := range all {
		parts := strings.Split(name, ".")
		if len(parts) > 2 { // a package's type and its method
			name = strings.Join(parts[len(parts)-2:], ".")
		}
		if found++; !names[name] && name != "code" {
			t.Errorf("ARCHITECTURE.md: %s is not declared", name)
		}
	}
	if found < 50 {
		t.Errorf("names in ARCHITECTURE.md: got %d, want many", found)
	}
	for _, file := range regexp.MustCompile(`[\w/]+\.go\b`).FindAllString(text, -1) {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("ARCHITECTURE.md: %s is not there", file)
		}
	}
}
