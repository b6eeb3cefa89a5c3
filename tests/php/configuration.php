<?php
// What Symfony makes of a bundle's configuration: the loader of its kernel and the tree of the real bundle.
//
//   php configuration.php < LIST    a JSON list of {path below config/packages: text}; for each a JSON row:
//                                   {"refused": message} or {"hub": name, "words": the configuration of that hub}
//
// SYMFONY is the folder of the packages; the environment is prod, without debug.
use Symfony\Bundle\MercureBundle\DependencyInjection\MercureExtension;
use Symfony\Component\Config\Definition\Processor;
use Symfony\Component\Config\FileLocator;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\Loader\YamlFileLoader;

require __DIR__.'/packages.php';

function configured(string $folder, array $files): array
{
    $container = new ContainerBuilder();
    $container->setParameter('kernel.debug', false);
    $container->registerExtension($extension = new MercureExtension());
    $loader = new YamlFileLoader($container, new FileLocator($folder), 'prod');
    foreach ($files as $path => $text) {
        is_dir(dirname("$folder/$path")) || mkdir(dirname("$folder/$path"), 0700, true);
        file_put_contents("$folder/$path", $text);
    }
    // as the kernel of a project imports them
    foreach ([...glob("$folder/*.yaml"), ...glob("$folder/prod/*.yaml")] as $file) {
        $loader->load($file);
    }
    $configs = $container->getExtensionConfig('mercure');
    $found = (new Processor())->processConfiguration($extension->getConfiguration($configs, $container), $configs);
    $name = $found['default_hub'] ?? array_key_first($found['hubs']);

    return ['hub' => $name, 'words' => $found['hubs'][$name] ?? null];
}

$rows = [];
foreach (json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR) as $number => $files) {
    $folder = sys_get_temp_dir().'/configuration-'.getmypid()."-$number";
    try {
        $rows[] = configured($folder, $files);
    } catch (Throwable $error) {
        $rows[] = ['refused' => $error->getMessage()];
    } finally {
        array_map('unlink', [...glob("$folder/*.yaml"), ...glob("$folder/*/*.yaml")]);
        array_map('rmdir', glob("$folder/*"));
        is_dir($folder) && rmdir($folder);
    }
}
echo json_encode($rows, JSON_THROW_ON_ERROR | JSON_PARTIAL_OUTPUT_ON_ERROR);
